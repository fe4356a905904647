import { expect, test } from 'vitest'
import { decodeEntry } from '../core/codec.ts'
import { withEvent, changeEvent } from '../core/with-event.ts'
import type { Delivery } from '../core/delivery.ts'
import type { SinkEvent } from '../core/sink.ts'
import { toCloudEvent, toCloudEventJson } from './cloud-event.ts'

const POSITION = '1769594400000-0'

function sinkEvent(fields: readonly string[], given: Partial<SinkEvent> = {}): SinkEvent {
  const { stream = 'orders', position = POSITION } = given
  const entry = { position, fields }
  return { event: decodeEntry(stream, entry), stream, position, part: 0, redelivered: false, entry, ...given }
}

test('an event as it is written most of the time', () => {
  expect(toCloudEvent(sinkEvent(['type', 'order.placed', 'data', '{"total":12}']))).toEqual({
    specversion: '1.0',
    id: POSITION,
    source: 'orders',
    type: 'order.placed',
    time: '2026-01-28T10:00:00.000Z',
    datacontenttype: 'application/json',
    data: { total: 12 },
  })
})

test('what the publisher says stands, its headers as attributes', () => {
  const own = ['id', 'a1', 'source', '/shop', 'time', '2026-01-28T11:00:00+01:00', 'partitionkey', 'c7']
  const others = ['subject', 'order/7', 'traceparent', '00-1-2-01', 'dataschema', 'https://a.example/s']
  const event = toCloudEvent(sinkEvent(['type', 't', 'data', '1', ...own, ...others]))
  expect(event).toMatchObject({
    id: 'a1',
    source: '/shop',
    time: '2026-01-28T10:00:00.000Z',
    partitionkey: 'c7',
    subject: 'order/7',
    traceparent: '00-1-2-01',
    dataschema: 'https://a.example/s',
  })
})

test('data of another content type is a text', () => {
  const event = toCloudEvent(sinkEvent(['type', 't', 'data', 'a,b', 'datacontenttype', 'text/csv']))
  expect(event).toMatchObject({ datacontenttype: 'text/csv', data: 'a,b' })
})

test('parts of one entry have ids of their own', () => {
  const fields = ['type', 't', 'data', '1', 'id', 'a1']
  expect([0, 1, 2].map((part) => toCloudEvent(sinkEvent(fields, { part })).id)).toEqual([
    'a1',
    'a1/1',
    'a1/2',
  ])
})

test('names that CloudEvents does not know are made of small letters and digits, and none displaces another', () => {
  const headers = ['x-tenant', '1', 'X_Tenant', '2', 'xtenant', '3', 'Id', '4', '√', '5', '__proto__', '6']
  const event = toCloudEvent(sinkEvent(['type', 't', 'data', '1', ...headers]))
  expect(event).toMatchObject({
    xtenant: '3',
    xtenant2: '1',
    xtenant3: '2',
    id2: '4',
    header: '5',
    proto: '6',
  })
  expect(event.id).toBe(POSITION)
})

test('what can be no attribute is replaced or left out', () => {
  const fields = ['type', '', 'data', 'null', 'id', '', 'time', 'yesterday', 'source', '', 'subject', '']
  const stream = 'a b{c}'
  expect(
    toCloudEvent(sinkEvent([...fields, 'millraceentry', 'x', 'specversion', '0.3'], { stream })),
  ).toEqual({
    specversion: '1.0',
    id: POSITION,
    source: 'a%20b%7Bc%7D',
    type: stream,
    time: '2026-01-28T10:00:00.000Z',
    datacontenttype: 'application/json',
    data: null,
  })
  const late = sinkEvent(['type', 't', 'data', '1'], { position: '18446744073709551615-1' })
  expect(toCloudEvent(late).time).toBe('9999-12-31T23:59:59.999Z')
})

test('data that JSON has no way to say is refused, alone', () => {
  const plain = sinkEvent(['type', 't', 'data', '1'])
  const changed = withEvent(plain as unknown as Delivery, changeEvent(plain.event, { data: 1n })).event
  expect(() => toCloudEventJson({ ...plain, event: changed })).toThrow(
    expect.objectContaining({ code: 'EVENT_REFUSED' }),
  )
  expect(toCloudEvent({ ...plain, event: changeEvent(plain.event, { data: undefined }) }).data).toBeNull()
})

test('as JSON, data that nobody can have changed stand letter by letter', () => {
  const dataJson = '{"wei": 12345678901234567890, "rate":1.10}'
  const json = toCloudEventJson(sinkEvent(['type', 't', 'data', dataJson, 'x-a', '1'], { dataJson }))
  expect(json.endsWith(`,"xa":"1","data":${dataJson}}`)).toBe(true)
  const { data, ...others } = toCloudEvent(sinkEvent(['type', 't', 'data', dataJson, 'x-a', '1']))
  expect(JSON.parse(json)).toEqual({ ...others, data })
})
