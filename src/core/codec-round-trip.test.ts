import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeEntry, encodeEvent } from './codec.ts'
import type { MillraceError } from './errors.ts'

describe('encodeEvent', () => {
  test('writes what says more than the position, and nothing else', () => {
    expect(encodeEvent({ type: 't', data: { a: 1 } })).toEqual(['type', 't', 'data', '{"a":1}'])
  })

  test.each(['id', 'type', 'time', 'data', 'partitionkey'])('refuses the header %s', (name) => {
    const attempt = () => encodeEvent({ type: 't', data: 1, headers: { [name]: 'x' } })
    expect(attempt).toThrow(expect.objectContaining({ code: 'EVENT_INVALID' }))
  })

  test('refuses a header that is no text', () => {
    const headers = { count: 1 } as unknown as Record<string, string>
    const attempt = () => encodeEvent({ type: 't', data: 1, headers })
    expect(attempt).toThrow(expect.objectContaining({ code: 'EVENT_INVALID' }))
  })

  test.each([{ a: 'half \ud83d' }, { 'half \udc00': 'a' }])(
    'refuses the header %j, which would change',
    (headers) => {
      const attempt = () => encodeEvent({ type: 't', data: 1, headers })
      expect(attempt).toThrow(expect.objectContaining({ code: 'EVENT_INVALID' }))
    },
  )

  test('refuses data that JSON can not hold, with the cause', () => {
    const circular: { self?: unknown } = {}
    circular.self = circular
    for (const data of [circular, 1n]) {
      const attempt = () => encodeEvent({ type: 't', data })
      expect(attempt).toThrow(
        expect.objectContaining({ code: 'EVENT_INVALID', cause: expect.any(TypeError) }),
      )
    }
  })

  test.each([
    ['an id that is a number', { id: 5 }],
    ['a time that is a Date', { time: new Date() }],
    ['an empty key', { key: '' }],
    ['data that is said to be no JSON', { headers: { datacontenttype: 'text/plain' } }],
  ])('refuses %s', (_, wrong) => {
    const attempt = () => encodeEvent({ type: 't', data: 1, ...(wrong as object) })
    expect(attempt).toThrow(expect.objectContaining({ code: 'EVENT_INVALID' }))
  })

  test('writes nothing as null', () => {
    expect(encodeEvent({ type: 't', data: undefined })).toEqual(['type', 't', 'data', 'null'])
  })
})

describe('writing and reading', () => {
  /** The fields with a place of their own, and the one that says that data is no JSON. */
  const TAKEN = new Set(['id', 'type', 'time', 'data', 'partitionkey', 'datacontenttype'])

  /** Any text that there is, NUL, controls and what stands outside of the first plane included. */
  const text = fc.string({ unit: 'binary' })
  const name = fc.string({ unit: 'binary', minLength: 1 })

  const events = fc.record(
    {
      type: name,
      // Half a character may stand in data: JSON has a way to say it.
      data: fc
        .jsonValue({ stringUnit: fc.oneof(fc.string({ unit: 'binary' }), fc.constant('\ud800')) })
        .map((data): unknown => JSON.parse(JSON.stringify(data))),
      id: name,
      time: fc.date({ noInvalidDate: true, min: new Date(0) }).map((date) => date.toISOString()),
      key: name,
      headers: fc.dictionary(
        fc
          .oneof(text, fc.constantFrom('__proto__', 'constructor', 'toString'))
          .filter((one) => !TAKEN.has(one)),
        text,
      ),
    },
    { requiredKeys: ['type', 'data'] },
  )

  test('what is written is read again, whatever it is', () => {
    const check = fc.property(events, (event) => {
      const { id, type, time, data, key, headers } = decodeEntry('s', {
        position: '1000-0',
        fields: encodeEvent(event).map(overTheWire),
      })
      expect({ id, type, time, data, key }).toEqual({
        id: event.id ?? '1000-0',
        type: event.type,
        time: event.time ?? '1970-01-01T00:00:01.000Z',
        data: event.data,
        key: event.key,
      })
      expect(Object.entries(headers)).toEqual(Object.entries(event.headers ?? {}))
    })
    fc.assert(check, { numRuns: 500 })
  })

  test('any entry is read as an event of sound fields, or as undecodable', () => {
    const names = [
      'type',
      'data',
      'eventType',
      'event',
      'payload',
      'requestId',
      'headers',
      'time',
      'timestamp',
    ]
    const field = fc.tuple(fc.oneof(fc.constantFrom(...names), fc.string()), fc.oneof(fc.json(), fc.string()))
    const check = fc.property(fc.array(field), (fields) => {
      expect(textsOrCode(fields.flat())).toSatisfy(
        (read) => read === 'EVENT_UNDECODABLE' || read.every(isText),
      )
    })
    fc.assert(check, { numRuns: 500 })
  })
})

/** What becomes of a text in Redis. */
const overTheWire = (text: string): string => Buffer.from(text).toString()

const isText = (value: unknown): boolean => typeof value === 'string'

/** What must be text in an event, or why there is none. */
function textsOrCode(fields: string[]): unknown[] | string {
  try {
    const { id, type, time, headers } = decodeEntry('s', { position: '1-0', fields })
    return [id, type, time, ...Object.values(headers)]
  } catch (error) {
    return (error as MillraceError).code
  }
}
