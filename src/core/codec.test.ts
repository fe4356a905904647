import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeEntry, encodeEvent, writtenJson } from './codec.ts'
import { MillraceError } from './errors.ts'

const POSITION = '1700000000000-3'
const POSITION_TIME = '2023-11-14T22:13:20.000Z'

const decode = (...fields: string[]) => decodeEntry('stream', { position: POSITION, fields })

/** An event as whoever gets it as JSON sees it. */
const plain = (...fields: string[]): unknown => JSON.parse(JSON.stringify(decode(...fields)))

describe('entries of Millrace', () => {
  test('a type and data are all it takes; the rest follows from the position', () => {
    expect(plain('type', 'user.created', 'data', '{"a":[1,null]}')).toEqual({
      id: POSITION,
      type: 'user.created',
      time: POSITION_TIME,
      data: { a: [1, null] },
      headers: {},
    })
  })

  test('attributes of CloudEvents that are there say more', () => {
    const fields = ['id', 'e-1', 'time', '2025-01-02T03:04:05.678Z', 'partitionkey', 'k', 'source', '/shop']
    expect(plain('type', 't', 'data', '1', ...fields, 'traceparent', '00-ab-cd-01')).toEqual({
      id: 'e-1',
      type: 't',
      time: '2025-01-02T03:04:05.678Z',
      data: 1,
      key: 'k',
      headers: { source: '/shop', traceparent: '00-ab-cd-01' },
    })
  })

  test('the order of the fields does not matter', () => {
    expect(plain('data', '1', 'type', 't')).toEqual(plain('type', 't', 'data', '1'))
  })

  test.each([
    ['application/json', { a: 1 }],
    ['application/json; charset=utf-8', { a: 1 }],
    ['application/vnd.shop+json', { a: 1 }],
    ['Application/JSON', { a: 1 }],
    ['text/plain', '{"a":1}'],
    ['application/jsonl', '{"a":1}'],
  ])('data of content type %s', (contentType, data) => {
    const event = decode('type', 't', 'data', '{"a":1}', 'datacontenttype', contentType)
    expect(event.data).toEqual(data)
    expect(event.headers['datacontenttype']).toBe(contentType)
  })
})

describe('entries from elsewhere', () => {
  test('eventType and payload, with a time in milliseconds', () => {
    const fields = [
      'eventType',
      'task.created',
      'payload',
      '{"n":1}',
      'timestamp',
      '1600000000000',
      'id',
      'x',
    ]
    expect(plain(...fields)).toEqual({
      id: 'x',
      type: 'task.created',
      time: '2020-09-13T12:26:40.000Z',
      data: { n: 1 },
      headers: {},
    })
  })

  test('event, payload and headers of their own', () => {
    const headers = JSON.stringify({ 'correlation-id': 'c', retries: 2, nested: { a: null } })
    const fields = ['event', 'order.placed', 'aggregateId', '42', 'payload', '"p"', 'headers', headers]
    expect(plain(...fields, 'serviceName', 'shop', 'timestamp', '2025-01-02T03:04:05Z')).toEqual({
      id: POSITION,
      type: 'order.placed',
      time: '2025-01-02T03:04:05.000Z',
      data: 'p',
      key: '42',
      headers: {
        serviceName: 'shop',
        'correlation-id': 'c',
        retries: '2',
        nested: '{"a":null}',
      },
    })
  })

  test.each([
    ['2024-01', '2024-01'],
    ['order 5', 'order 5'],
    ['-5', '-5'],
    ['2025-01-02 03:04', '2025-01-02T03:04:00.000Z'],
    ['2025-01-02t03:04:05z', '2025-01-02T03:04:05.000Z'],
    ['2025-01-02T03:04:05+01:00', '2025-01-02T02:04:05.000Z'],
  ])('the time %s is %s, whatever the zone of this machine', (text, time) => {
    expect(decode('type', 't', 'data', '1', 'time', text).time).toBe(time)
  })

  test('a decoded event can be published again', () => {
    const event = decode('eventType', 'e', 'payload', '1', 'type', 'other', 'headers', '{"id":"x","a":"b"}')
    expect(encodeEvent(event)).toEqual(expect.arrayContaining(['data', '1', 'a', 'b']))
  })

  test('a content type with a space before its parameter is JSON all the same', () => {
    expect(
      decode('type', 't', 'data', '{"a":1}', 'datacontenttype', 'application/json ; charset=utf-8').data,
    ).toEqual({ a: 1 })
  })

  test('headers that are no object are none', () => {
    expect(decode('event', 'e', 'payload', '1', 'headers', '"text"').headers).toEqual({})
  })

  test('requestId and data', () => {
    expect(plain('requestId', 'r-1', 'data', '{"city":"New York"}')).toEqual({
      id: POSITION,
      type: 'stream',
      time: POSITION_TIME,
      data: { city: 'New York' },
      headers: { requestId: 'r-1' },
    })
  })

  test.each([
    [{ temperature: '21.5', unit: '' }],
    [{ type: 'without data' }],
    [{ data: '{not json' }],
    [{ payload: '{not json' }],
    [{ eventType: 'without payload' }],
    [{ requestId: 'without data' }],
  ])('anybody: %j becomes the data, as it is', (fields) => {
    const event = decode(...Object.entries(fields).flat())
    expect({ ...(event.data as object) }).toEqual(fields)
    expect(event.headers).toEqual({})
  })

  test('no fields are no data', () => {
    expect(decode()).toMatchObject({ id: POSITION, type: 'stream', data: {} })
  })
})

describe('precedence', () => {
  const MILLRACE = ['type', 't', 'data', '"millrace"']
  const EVENT = ['eventType', 'e', 'payload', '"event"']
  const REQUEST = ['requestId', 'r', 'data', '"request"']

  test.each([
    ['Millrace before events', [...EVENT, ...MILLRACE], 'millrace'],
    ['Millrace before requests', ['requestId', 'r', ...MILLRACE], 'millrace'],
    ['events before requests', [...REQUEST, ...EVENT], 'event'],
  ])('%s', (_, fields, data) => {
    expect(decode(...fields).data).toBe(data)
  })

  test('type, eventType, event, else the name of the stream', () => {
    const named = ['event', 'c', 'eventType', 'b', 'type', 'a']
    const types = [6, 4, 2, 0].map((length) => decode(...named.slice(0, length)).type)
    expect(types).toEqual(['a', 'b', 'c', 'stream'])
  })

  test('partitionkey, aggregateId, else no key', () => {
    const named = ['aggregateId', 'b', 'partitionkey', 'a']
    expect([named, named.slice(0, 2), []].map((fields) => decode(...fields).key)).toEqual([
      'a',
      'b',
      undefined,
    ])
  })

  test('time, timestamp, else that of the position', () => {
    const named = ['timestamp', '0', 'time', '2025-01-02T03:04:05Z']
    expect([named, named.slice(0, 2), []].map((fields) => decode(...fields).time)).toEqual([
      '2025-01-02T03:04:05.000Z',
      '1970-01-01T00:00:00.000Z',
      POSITION_TIME,
    ])
  })
})

describe('undecodable entries', () => {
  test.each([
    ['data', ['type', 't', 'data', '{broken']],
    ['data', ['type', 't', 'data', '', 'source', 's']],
    ['payload', ['eventType', 't', 'payload', '{broken']],
    ['payload', ['event', 't', 'payload', '{broken', 'headers', '{}']],
    ['headers', ['event', 't', 'payload', '{}', 'headers', '{broken']],
    ['data', ['requestId', 'r', 'data', '{broken']],
  ])('name the field at fault: %s of %j', (field, fields) => {
    const attempt = () => decode(...fields)
    expect(attempt).toThrow(MillraceError)
    expect(attempt).toThrow(expect.objectContaining({ code: 'EVENT_UNDECODABLE' }))
    expect(attempt).toThrow(`"${field}"`)
  })
})

describe('names that objects have already', () => {
  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('%s as a field', (name) => {
    const data = decode(name, 'value', 'other', '1').data as Record<string, string>
    expect(Object.entries(data)).toEqual([
      [name, 'value'],
      ['other', '1'],
    ])
    expect(Object.getPrototypeOf(data)).toBeNull()
  })

  test.each(['__proto__', 'constructor'])('%s as a header', (name) => {
    const carried = `{"${name}":"carried"}`
    const headers = [
      decode('type', 't', 'data', '1', name, 'value').headers,
      decode('event', 't', 'payload', '1', 'headers', carried).headers,
    ]
    expect(headers.map((header) => Object.entries(header))).toEqual([[[name, 'value']], [[name, 'carried']]])
    expect(decode('type', 't', 'data', '1').headers[name]).toBeUndefined()
  })

  test('in the data, they are data', () => {
    const event = decode('type', 't', 'data', '{"__proto__":{"admin":true}}')
    expect((event.data as { admin?: boolean }).admin).toBeUndefined()
    expect(JSON.stringify(event.data)).toBe('{"__proto__":{"admin":true}}')
  })
})

describe('the time', () => {
  test('is that of the position, in UTC', () => {
    fc.assert(
      fc.property(fc.nat({ max: 8.64e15 }), fc.nat(), (ms, sequence) => {
        const event = decodeEntry('s', { position: `${ms}-${sequence}`, fields: ['type', 't', 'data', '1'] })
        expect(event.time).toBe(new Date(ms).toISOString())
      }),
    )
  })

  test.each([
    ['2025-06-28T23:40:13+02:00', '2025-06-28T21:40:13.000Z'],
    ['1600000000000', '2020-09-13T12:26:40.000Z'],
    ['soon', 'soon'],
    ['', ''],
    ['99999999999999999999', '99999999999999999999'],
  ])('%s is %s', (written, read) => {
    expect(decode('type', 't', 'data', '1', 'time', written).time).toBe(read)
  })

  test('is part of the JSON, though it is worked out only when asked for', () => {
    const event = decode('type', 't', 'data', '1')
    expect(Object.keys(event)).not.toContain('time')
    expect(JSON.parse(JSON.stringify(event))).toEqual({
      id: POSITION,
      type: 't',
      time: POSITION_TIME,
      data: 1,
      headers: {},
    })
  })
})

describe('data as they are written', () => {
  const big = '{"wei": 12345678901234567890, "rate":1.10}'

  test.each([
    ['type and data', ['type', 't', 'data', big]],
    ['with attributes', ['type', 't', 'data', big, 'id', 'a', 'datacontenttype', 'application/json']],
    ['of another producer', ['eventType', 't', 'payload', big, 'headers', '{"a":"b"}']],
  ])('are at hand, letter by letter: %s', (_, fields) => expect(writtenJson(decode(...fields))).toBe(big))

  test.each([
    ['that are a text', ['type', 't', 'data', '12', 'datacontenttype', 'text/plain']],
    ['that are all fields', ['city', 'Bonn']],
  ])('are not, for data %s', (_, fields) => expect(writtenJson(decode(...fields))).toBeUndefined())

  test('of several lines are on one', () => {
    const json = '{"a":\n  12345678901234567890,\r\n"b": "\\n"}'
    expect(writtenJson(decode('type', 't', 'data', json))).toBe('{"a":   12345678901234567890,  "b": "\\n"}')
  })

  test('are not, for an event that was made anew', () => {
    const event = decode('type', 't', 'data', big)
    expect(writtenJson({ ...event, time: event.time, data: 1 })).toBeUndefined()
  })
})
