import {
  array,
  assert,
  asyncProperty,
  constantFrom,
  integer,
  jsonValue,
  oneof,
  record,
  string,
  uint8Array,
} from 'fast-check'
import { describe, expect, it } from 'vitest'
import { useOnce } from '../../../test/support/use.ts'
import { fakeServer, json } from '../fake-ports.ts'
import { HttpServer } from '../http-server.ts'
import type { Problem } from '../problem.ts'
import { BATCH, batch, bytes, CUSTOM, event, GOOD_EVENT, PROCESSED, request } from './bad-request.ts'
import { exchange } from './exchange.ts'

const anything = jsonValue({ stringUnit: 'binary' })

describe('any body', () => {
  it('of any bytes is refused with a problem, or was JSON of an event', async () => {
    const { post, published, logged } = fakeServer()
    const body = oneof(
      uint8Array(),
      anything.map((value) => bytes(JSON.stringify(value))),
    )
    const check = asyncProperty(body, constantFrom(CUSTOM, BATCH), async (body, path) => {
      const response = await post(path, Uint8Array.from(body))
      expect([response.status, (await json<Problem>(response)).code]).toEqual([
        400,
        expect.stringMatching(/^(BODY|REQUEST|NAME)_INVALID$/),
      ])
    })
    await assert(check, { numRuns: 500 })
    expect([published, logged]).toEqual([[], []])
  })

  it('with any payload is published as it was sent', async () => {
    const { post, published } = fakeServer({}, { bodyBytes: 1_000_000 })
    const check = asyncProperty(anything, async (payload) => {
      const sent = JSON.stringify(payload)
      const response = await post(CUSTOM, `{"streamName":"s","eventType":"t","payload":${sent}}`)
      expect(response.status).toBe(201)
      expect(JSON.stringify(published.pop()!.event.data)).toBe(sent)
    })
    await assert(check, { numRuns: 500 })
  })

  it('with anything in its fields is published, or refused with the fields at fault', async () => {
    const { post, logged } = fakeServer({}, { bodyBytes: 1_000_000 })
    const field = oneof(constantFrom('a', 'a:b', ''), anything)
    const fields = record(
      { streamName: field, eventType: field, payload: field, key: field },
      { requiredKeys: [] },
    )
    const check = asyncProperty(fields, async (fields) => {
      const response = await post(CUSTOM, JSON.stringify(fields))
      const { errors = [] } = await json<Problem>(response)
      const atFault = errors.every(({ path }) => /^(streamName|eventType|payload|key)$/.test(path))
      expect([response.status, errors.length > 0, atFault]).toEqual([
        errors.length > 0 ? 400 : 201,
        errors.length > 0,
        true,
      ])
    })
    await assert(check, { numRuns: 500 })
    expect(logged).toEqual([])
  })
})

describe('a request with any bytes of it changed', () => {
  const { app, logged } = fakeServer()
  const server = useOnce(
    async () => {
      const server = new HttpServer(app.fetch, { host: '127.0.0.1', port: 0, requestTimeoutMs: 10_000 })
      await server.start()
      return server
    },
    (it) => it.stop(0),
  )

  const good = constantFrom(
    request({ body: event() }),
    request({ path: BATCH, body: batch(GOOD_EVENT, GOOD_EVENT), headers: { 'Idempotency-Key': 'k' } }),
    request({ method: 'GET', path: `${PROCESSED}?limit=5&eventType=a` }),
  )
  const piece = oneof(
    uint8Array({ maxLength: 3 }),
    constantFrom(
      '\r\n',
      '\n',
      '\0',
      ' ',
      ':',
      '/',
      '%',
      '..',
      '"',
      '{',
      'HTTP/1.1',
      'Transfer-Encoding: chunked\r\n',
    ).map(bytes),
    string({ maxLength: 3 }).map(bytes),
  )
  /** What is taken out somewhere, and what is put there. */
  const change = record({ at: integer({ min: 0, max: 400 }), length: integer({ min: 0, max: 8 }), piece })

  it('is answered, or its connection is closed: never with a fault of ours', async () => {
    const check = asyncProperty(
      good,
      array(change, { minLength: 1, maxLength: 4 }),
      async (whole, changes) => {
        let wire = Buffer.from(whole)
        for (const { at, length, piece } of changes)
          wire = Buffer.concat([wire.subarray(0, at), piece, wire.subarray(at + length)])
        for (const { status } of await exchange(server.url, { wire, ends: true }))
          expect(status).toBeLessThan(500)
      },
    )
    await assert(check, { numRuns: 1_000 })
    expect(logged).toEqual([])
    const answers = await exchange(server.url, { wire: request({ body: event() }) })
    expect(answers.map(({ status }) => status)).toEqual([201])
  })
})
