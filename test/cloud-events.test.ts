import { beforeEach, describe, expect, it } from 'vitest'
import { pipeline } from '../src/connectors/pipeline.ts'
import { pipelineRun } from '../src/connectors/run-pipeline.ts'
import { webhookSink } from '../src/connectors/sinks/webhook.ts'
import { decodeEntry } from '../src/core/codec.ts'
import { CORRELATION_ID } from '../src/core/correlation.ts'
import type { Event } from '../src/core/event.ts'
import { FIRST_POSITION } from '../src/core/position.ts'
import { noLog } from '../src/core/service.ts'
import { RunningService } from './support/running-service.ts'
import { until } from './support/until.ts'
import { usePostgres } from './support/use-postgres.ts'
import { useLog, useRedisServer } from './support/use-redis.ts'
import { useOnce } from './support/use.ts'

const server = useRedisServer()
const postgres = usePostgres()
const log = useLog(server)
const service = useOnce(
  () =>
    RunningService.start(
      {},
      { ROLES: 'api', REDIS_URL: server.url, DATABASE_URL: postgres.url, MAX_BATCH_EVENTS: '1000' },
    ),
  (running) => running.stop(),
)

let stream: string
let count = 0
beforeEach(() => void (stream = `cloud/events:${++count}`))

const EVENT = { specversion: '1.0', id: '1', source: '/shop', type: 'order.placed', data: { total: 12 } }
const STRUCTURED = 'application/cloudevents+json'
const BATCH = 'application/cloudevents-batch+json; charset=UTF-8'

async function send(body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string>, to = stream) {
  const url = `${service.service.url}/api/events/cloudevents/${encodeURIComponent(to)}`
  const response = await fetch(url, { method: 'POST', body, headers })
  return { status: response.status, headers: response.headers, body: (await response.json()) as Answer }
}
interface Answer {
  messageIds: string[]
  code: string
  detail: string
  errors: { path: string; message: string }[]
}
const structured = (event: unknown, headers = {}) =>
  send(JSON.stringify(event), { 'content-type': STRUCTURED, ...headers })
const batch = (events: unknown, headers = {}) =>
  send(JSON.stringify(events), { 'content-type': BATCH, ...headers })
const binary = (body: string | Uint8Array<ArrayBuffer>, type: string, headers: Record<string, string> = {}) =>
  send(body, {
    ...(type && { 'content-type': type }),
    'ce-specversion': '1.0',
    'ce-id': '1',
    'ce-source': '/shop',
    'ce-type': 'order.placed',
    ...headers,
  })

async function events(of = stream): Promise<Event[]> {
  const entries = await log.read(of, FIRST_POSITION, 1_000).catch(() => [])
  return entries.map((entry) => decodeEntry(of, entry))
}

describe('each mode', () => {
  it('structured: identity, time, key and extensions are those of the event', async () => {
    const time = '2026-01-28T10:00:00Z'
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const more = {
      time,
      partitionkey: 'k',
      subject: 's',
      xtenant: 'acme',
      xcount: 7,
      xnull: null,
      traceparent,
    }
    const { status, body } = await structured({ ...EVENT, ...more })
    expect([status, body]).toEqual([201, { success: true, messageIds: [expect.any(String)], count: 1 }])
    const [event] = await events()
    expect(event).toMatchObject({ id: '1', type: 'order.placed', key: 'k', data: { total: 12 } })
    expect(event!.time).toBe('2026-01-28T10:00:00.000Z')
    const { [CORRELATION_ID]: _, ...headers } = event!.headers
    expect(headers).toEqual({ source: '/shop', subject: 's', xtenant: 'acme', xcount: '7', traceparent })
  })

  it('a batch: in its order, and none where one is at fault', async () => {
    const many = Array.from({ length: 50 }, (_, index) => ({ ...EVENT, id: String(index), data: index }))
    const { status, body } = await batch(many)
    expect([status, body.messageIds.length]).toEqual([201, 50])
    expect((await events()).map(({ data }) => data)).toEqual(many.map(({ data }) => data))

    const bad = await batch([{ ...EVENT, id: 'x' }, { ...EVENT, specversion: '0.3', id: '' }, 7])
    expect(bad.status).toBe(400)
    expect(bad.body.errors.map(({ path }) => path)).toEqual(['1.specversion', '1.id', '2'])
    expect(await events()).toHaveLength(50)
  })

  it('binary: attributes in headers, data of any JSON type, a text, or none', async () => {
    await binary('{"a":1}', 'application/json', { 'ce-subject': 'caf%C3%A9', 'ce-id': '1' })
    await binary('{"a":2}', 'application/vnd.shop+json', { 'ce-id': '2' })
    await binary('€, or "quoted"\n', 'text/plain; charset=utf-8', { 'ce-id': '3' })
    await binary('', '', { 'ce-id': '4' })
    expect(await events()).toMatchObject([
      { id: '1', data: { a: 1 }, headers: { subject: 'café', source: '/shop' } },
      { id: '2', data: { a: 2 }, headers: { datacontenttype: 'application/vnd.shop+json' } },
      { id: '3', data: '€, or "quoted"\n', headers: { datacontenttype: 'text/plain; charset=utf-8' } },
      { id: '4', data: null },
    ])
  })

  it('data in base64 where it is JSON or a text', async () => {
    const { data: _, ...without } = EVENT
    const base64 = (text: string) => ({ data_base64: Buffer.from(text).toString('base64') })
    await structured({ ...without, datacontenttype: 'application/json', ...base64('{"a":1}') })
    await structured({ ...without, id: '2', datacontenttype: 'text/csv', ...base64('a,b') })
    const refused = await structured({ ...without, id: '3', datacontenttype: 'image/png', ...base64('x') })
    expect((await events()).map(({ data }) => data)).toEqual([{ a: 1 }, 'a,b'])
    expect([refused.status, refused.body.errors[0]!.path]).toEqual([400, 'data_base64'])
  })
})

describe('what comes again', () => {
  it('is written once by source and id, in whatever mode and company it comes', async () => {
    const first = await structured(EVENT)
    const again = await structured(EVENT)
    const inBatch = await batch([{ ...EVENT, id: '2' }, EVENT, EVENT])
    const asBinary = await binary('{"total":12}', 'application/json')
    expect([again.status, again.body]).toEqual([201, first.body])
    expect(inBatch.body.messageIds.slice(1)).toEqual([...first.body.messageIds, ...first.body.messageIds])
    expect(asBinary.body).toEqual(first.body)
    await structured({ ...EVENT, source: '/other' })
    expect((await events()).map(({ id, headers }) => [id, headers['source']])).toEqual([
      ['1', '/shop'],
      ['2', '/shop'],
      ['1', '/other'],
    ])
  })

  it('with other content is refused', async () => {
    await structured(EVENT)
    const { status, body } = await structured({ ...EVENT, data: { total: 13 } })
    expect([status, body.code]).toEqual([422, 'IDEMPOTENCY_CONFLICT'])
  })

  it('goes by the Idempotency-Key where there is one', async () => {
    const key = { 'idempotency-key': 'mine' }
    await structured(EVENT)
    await structured({ ...EVENT }, key)
    await structured({ ...EVENT }, key)
    expect(await events()).toHaveLength(2)
  })
})

describe('what is refused', () => {
  it.each<[string, () => ReturnType<typeof send>, number, string]>([
    ['another type', () => send('{}', { 'content-type': 'application/json' }), 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['another format', () => binary('<a/>', 'application/cloudevents+xml'), 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['binary data', () => binary('x', 'application/octet-stream'), 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['another charset', () => binary('x', 'text/plain; charset=latin1'), 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['no UTF-8', () => binary(Buffer.from([0xff]), 'text/plain'), 400, 'BODY_INVALID'],
    [
      'a header that is no UTF-8',
      () => binary('1', 'application/json', { 'ce-subject': '%ff' }),
      400,
      'REQUEST_INVALID',
    ],
    ['data in a header', () => binary('', '', { 'ce-data': '1' }), 400, 'REQUEST_INVALID'],
    ['no JSON', () => send('{', { 'content-type': STRUCTURED }), 400, 'BODY_INVALID'],
    [
      'JSON too deep',
      () => structured({ ...EVENT, data: JSON.parse('['.repeat(100) + ']'.repeat(100)) }),
      400,
      'BODY_INVALID',
    ],
    ['an empty batch', () => batch([]), 400, 'REQUEST_INVALID'],
    ['no batch', () => batch(EVENT), 400, 'REQUEST_INVALID'],
    ['too many', () => batch(Array.from({ length: 1_001 }, () => EVENT)), 400, 'REQUEST_INVALID'],
    ['too much', () => structured({ ...EVENT, data: 'x'.repeat(2_000_000) }), 413, 'BODY_TOO_LARGE'],
    [
      'a stream of our own',
      () => send('{}', { 'content-type': STRUCTURED }, 'millrace:dead-letter:x'),
      400,
      'NAME_INVALID',
    ],
  ])('%s', async (_, request, status, code) => {
    const answer = await request()
    expect([answer.status, answer.body.code]).toEqual([status, code])
    expect(await events()).toEqual([])
  })

  it('names every attribute at fault', async () => {
    const { status, body } = await structured({
      specversion: '1.0',
      source: '',
      type: 7,
      time: 'now',
      subject: '',
      Tenant: 'x',
      xlist: [],
      datacontenttype: 'text/plain',
      data: {},
    })
    expect(status).toBe(400)
    expect(body.errors.map(({ path }) => path).toSorted()).toEqual(
      ['Tenant', 'data', 'id', 'source', 'subject', 'time', 'type', 'xlist'].toSorted(),
    )
  })
})

it('a stream goes by webhook into the intake of another service, and stands there once with its identity', async () => {
  const target = `${stream}:there`
  const url = `${service.service.url}/api/events/cloudevents/${encodeURIComponent(target)}`
  const text = ['type', 'note', 'data', 'a,b', 'datacontenttype', 'text/csv', 'id', 'n', 'source', '/notes']
  const fields = (n: number) => ['type', 'order.placed', 'data', `{"n":${n}}`, 'partitionkey', `k${n % 3}`]
  const many = Array.from({ length: 300 }, (_, n) => ({ fields: fields(n) }))
  await log.append(stream, [...many, { fields: text }])
  // Two pipelines read all of it, as after a group was set back.
  const pipelines = ['first', 'second'].map((name) =>
    pipeline(name, { from: stream, to: webhookSink({ url, allowPrivate: true }), batch: { size: 50 } }),
  )
  const runs = pipelines.map((declared) => pipelineRun(declared, { streams: log, log: noLog }))
  try {
    for (const run of runs) await run.start()
    await until('all were sent twice', () => runs.every(({ status }) => status.written === 301))
  } finally {
    for (const run of runs) await run.stop(5_000)
  }
  const [from, to] = [await events(stream), await events(target)]
  expect(to).toHaveLength(301)
  const identity = ({ id, type, key, data, time }: Event) => JSON.stringify({ id, type, key, data, time })
  expect(to.map(identity).toSorted()).toEqual(from.map(identity).toSorted())
  expect(new Set(to.map(({ headers }) => headers['source']))).toEqual(new Set([encodeURI(stream), '/notes']))
  const note = to.find(({ id }) => id === 'n')!
  expect([note.data, note.headers['datacontenttype']]).toEqual(['a,b', 'text/csv'])
})
