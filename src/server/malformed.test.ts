import { describe, expect, it } from 'vitest'
import type { Issue } from '../core/errors.ts'
import { fakeServer, json, type Body } from './fake-ports.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const CUSTOM = '/api/events/custom'
const BATCH = '/api/events/batch'
const valid = { streamName: 's', eventType: 't', payload: 1 }
const custom = (change: object) => JSON.stringify({ ...valid, ...change })
const batch = (...events: unknown[]) => JSON.stringify({ events })
const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
/** Far over every limit, and without a length; it ends, so that a server that doesn't count can be caught. */
const immense = () => {
  let chunks = 100
  return new ReadableStream({
    pull(controller) {
      if (chunks-- > 0) controller.enqueue(new TextEncoder().encode(' '.repeat(500)))
      else controller.close()
    },
  })
}

interface Fault {
  what: string
  method?: string
  path?: string
  body?: Body
  headers?: Record<string, string>
  status: number
  code: string
  /** The fields at fault. */
  errors?: string[]
}

const invalid = { status: 400, code: 'REQUEST_INVALID' }
const badName = { status: 400, code: 'NAME_INVALID' }
const badBody = { status: 400, code: 'BODY_INVALID' }
const badType = { body: custom({}), status: 415, code: 'MEDIA_TYPE_UNSUPPORTED' }
const tooLarge = { status: 413, code: 'BODY_TOO_LARGE' }
const page = (query: string) => ({ method: 'GET', path: `/api/events/processed?${query}` })
const lost = { status: 404, code: 'NOT_FOUND' }
const refused = { status: 405, code: 'METHOD_NOT_ALLOWED' }

const FAULTS: Fault[] = [
  { what: 'no body', ...badBody },
  { what: 'only spaces', body: ' \n', ...badBody },
  { what: 'broken JSON', body: '{"streamName":', ...badBody },
  { what: 'JSON and more', body: `${custom({})} x`, ...badBody },
  { what: 'single quotes', body: "{'a':1}", ...badBody },
  { what: 'NaN', body: '{"streamName":"s","eventType":"t","payload":NaN}', ...badBody },
  { what: 'a comment', body: '{/* */}', ...badBody },
  { what: 'invalid UTF-8', body: new Uint8Array([0x22, 0xff, 0x22]), ...badBody },
  { what: 'a truncated character', body: new Uint8Array([0x22, 0xe2, 0x82, 0x22]), ...badBody },
  { what: 'UTF-16', body: new Uint8Array(Buffer.from(custom({}), 'utf16le')), ...badBody },
  { what: 'arrays 65 deep', body: `{"payload":${nested(64)}}`, ...badBody },
  { what: 'arrays that never close', body: '['.repeat(65), ...badBody },
  { what: 'objects 65 deep', body: '{"a":'.repeat(65) + '1' + '}'.repeat(65), ...badBody },
  {
    what: 'a batch with an event too deep',
    path: BATCH,
    body: `{"events":[{"payload":${nested(62)}}]}`,
    ...badBody,
  },

  { what: 'null', body: 'null', ...invalid, errors: [''] },
  { what: 'an array', body: '[]', ...invalid, errors: [''] },
  { what: 'a text', body: '"x"', ...invalid, errors: [''] },
  { what: 'no fields', body: '{}', ...invalid, errors: ['streamName', 'eventType', 'payload'] },
  { what: 'no streamName', body: custom({ streamName: undefined }), ...invalid, errors: ['streamName'] },
  { what: 'no payload', body: custom({ payload: undefined }), ...invalid, errors: ['payload'] },
  { what: 'streamName a number', body: custom({ streamName: 7 }), ...invalid, errors: ['streamName'] },
  { what: 'streamName null', body: custom({ streamName: null }), ...invalid, errors: ['streamName'] },
  { what: 'eventType an object', body: custom({ eventType: {} }), ...invalid, errors: ['eventType'] },
  { what: 'key a number', body: custom({ key: 1 }), ...invalid, errors: ['key'] },
  {
    what: 'two faults of two kinds',
    body: custom({ streamName: '', key: 1 }),
    ...invalid,
    errors: ['streamName', 'key'],
  },
  {
    what: 'fields on the prototype',
    body: '{"__proto__":{"streamName":"s"}}',
    ...invalid,
    errors: ['streamName', 'eventType', 'payload'],
  },

  { what: 'streamName empty', body: custom({ streamName: '' }), ...badName, errors: ['streamName'] },
  {
    what: 'streamName with a control character',
    body: custom({ streamName: 'a\u0000b' }),
    ...badName,
    errors: ['streamName'],
  },
  {
    what: 'streamName with a line break',
    body: custom({ streamName: 'a\nb' }),
    ...badName,
    errors: ['streamName'],
  },
  {
    what: 'streamName too long',
    body: custom({ streamName: 'x'.repeat(257) }),
    ...badName,
    errors: ['streamName'],
  },
  {
    what: 'eventType with a line separator',
    body: custom({ eventType: 'a\u2028b' }),
    ...badName,
    errors: ['eventType'],
  },
  {
    what: 'eventType half a character',
    body: custom({ eventType: '\ud800' }),
    ...badName,
    errors: ['eventType'],
  },
  { what: 'key empty', body: custom({ key: '' }), ...badName, errors: ['key'] },
  {
    what: 'an empty Idempotency-Key',
    body: custom({}),
    headers: { 'idempotency-key': '' },
    ...badName,
    errors: ['Idempotency-Key'],
  },
  {
    what: 'a long Idempotency-Key',
    body: custom({}),
    headers: { 'idempotency-key': 'x'.repeat(241) },
    ...invalid,
    errors: ['Idempotency-Key'],
  },

  { what: 'a batch without events', path: BATCH, body: '{}', ...invalid, errors: ['events'] },
  { what: 'an empty batch', path: BATCH, body: batch(), ...invalid, errors: ['events'] },
  { what: 'a batch that is an array', path: BATCH, body: `[${custom({})}]`, ...invalid, errors: [''] },
  {
    what: 'too many events',
    path: BATCH,
    body: batch(...Array.from({ length: 11 }, () => valid)),
    ...invalid,
    errors: ['events'],
  },
  { what: 'null among the events', path: BATCH, body: batch(valid, null), ...invalid, errors: ['events.1'] },
  {
    what: 'faults by index',
    path: BATCH,
    body: batch({}, valid, { ...valid, key: 1 }),
    ...invalid,
    errors: ['events.0.streamName', 'events.0.eventType', 'events.0.payload', 'events.2.key'],
  },
  {
    what: 'names by index',
    path: BATCH,
    body: batch(valid, { ...valid, eventType: '\t' }),
    ...badName,
    errors: ['events.1.eventType'],
  },

  { what: 'a body over the limit', body: custom({ payload: 'x'.repeat(2000) }), ...tooLarge },
  { what: 'a body over the limit in bytes', body: custom({ payload: '€'.repeat(700) }), ...tooLarge },
  { what: 'a body that streams over the limit', body: immense(), ...tooLarge },
  {
    what: 'a body that says it is too large',
    body: '{}',
    headers: { 'content-length': '2001' },
    ...tooLarge,
  },
  {
    what: 'a batch over its limit',
    path: BATCH,
    body: batch({ ...valid, payload: 'x'.repeat(8000) }),
    ...tooLarge,
  },

  { what: 'no Content-Type', ...badType, headers: { 'content-type': '' } },
  { what: 'text', ...badType, headers: { 'content-type': 'text/plain' } },
  { what: 'a form', ...badType, headers: { 'content-type': 'application/x-www-form-urlencoded' } },
  { what: 'another JSON', ...badType, headers: { 'content-type': 'application/cloudevents+json' } },
  { what: 'a type that begins like JSON', ...badType, headers: { 'content-type': 'application/jsonp' } },
  {
    what: 'another character set',
    ...badType,
    headers: { 'content-type': 'application/json; charset=latin1' },
  },
  { what: 'a compressed body', ...badType, headers: { 'content-encoding': 'gzip' } },

  { what: 'limit a word', ...page('limit=many'), ...invalid, errors: ['limit'] },
  { what: 'limit 0', ...page('limit=0'), ...invalid, errors: ['limit'] },
  { what: 'limit too high', ...page('limit=5001'), ...invalid, errors: ['limit'] },
  { what: 'limit empty', ...page('limit='), ...invalid, errors: ['limit'] },
  { what: 'limit hexadecimal', ...page('limit=0x10'), ...invalid, errors: ['limit'] },
  { what: 'offset negative', ...page('offset=-1'), ...invalid, errors: ['offset'] },
  { what: 'offset beyond numbers', ...page(`offset=${'9'.repeat(20)}`), ...invalid, errors: ['offset'] },
  { what: 'eventType empty', ...page('eventType='), ...invalid, errors: ['eventType'] },
  {
    what: 'two faults in a query',
    ...page('processed=maybe&limit=1.5'),
    ...invalid,
    errors: ['limit', 'processed'],
  },

  { what: 'an unknown path', method: 'GET', path: '/api', ...lost },
  { what: 'a path with more', path: `${CUSTOM}/x`, body: custom({}), ...lost },
  { what: 'a path with a slash behind', method: 'GET', path: '/health/', ...lost },
  { what: 'a way out of the documents', method: 'GET', path: '/api-docs/..%2f..%2fpackage.json', ...lost },
  { what: 'a file that is not for the documents', method: 'GET', path: '/api-docs/package.json', ...lost },
  { what: 'GET to publish', method: 'GET', path: CUSTOM, ...refused },
  { what: 'PUT to publish', method: 'PUT', path: BATCH, body: batch(valid), ...refused },
  { what: 'POST to read', path: '/health', body: '{}', ...refused },
  { what: 'an unknown method', method: 'BREW', path: '/', ...refused },
]

describe('a malformed request is answered with a problem, and publishes nothing', () => {
  it.each(FAULTS)(
    '$what: $status $code',
    async ({ method = 'POST', path = CUSTOM, body, headers, status, code, errors }) => {
      const { app, published, logged } = fakeServer()
      const sent = new Headers({ ...JSON_TYPE, ...headers })
      if (headers?.['content-type'] === '') sent.delete('content-type')
      const init = { method, headers: sent, ...(body !== undefined && { body, duplex: 'half' as const }) }
      const response = await app.fetch(new Request(`http://localhost${path}`, init))
      expect(response.headers.get('content-type')).toBe('application/problem+json')
      const problem = await json<{ errors?: Issue[] }>(response)
      expect(problem).toMatchObject({
        type: 'about:blank',
        title: expect.any(String),
        detail: expect.any(String),
        status,
        code,
      })
      expect(problem.errors?.map(({ path }) => path)).toEqual(errors)
      expect(response.status).toBe(status)
      expect([published, logged]).toEqual([[], []])
    },
  )

  it('a wrong method hears of the right ones', async () => {
    const { ask } = fakeServer()
    expect((await ask('/health', { method: 'DELETE' })).headers.get('allow')).toBe('GET, HEAD')
    expect((await ask(CUSTOM)).headers.get('allow')).toBe('POST')
  })
})
