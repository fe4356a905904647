import { expect, test } from 'vitest'
import { failureOf } from '../../test/support/until.ts'
import { fromCloudEvent, identityKey } from './cloud-event.ts'
import { decodeEntry, encodeEvent } from './codec.ts'
import type { InvalidError } from './errors.ts'

const GOOD = { specversion: '1.0', id: '1', source: '/shop', type: 'order.placed' }

test('attributes find their places, and what says nothing is not written', () => {
  const event = fromCloudEvent({
    ...GOOD,
    time: '2026-01-28T10:00:00Z',
    partitionkey: 'k',
    datacontenttype: 'application/json',
    millraceentry: 'where a line came from',
    xtenant: 'acme',
    xempty: null,
    data: { a: 1 },
  })
  expect(event).toEqual({
    id: '1',
    source: '/shop',
    type: 'order.placed',
    key: 'k',
    time: '2026-01-28T10:00:00Z',
    data: { a: 1 },
    headers: { source: '/shop', xtenant: 'acme' },
  })
})

test.each([
  ['JSON', 'application/json', { a: [1, null] }],
  ['JSON of a kind', 'application/vnd.shop+json', 7],
  ['a text', 'text/plain', 'a "text"\n'],
  ['an empty text', 'text/csv', ''],
])('%s is the same when it is read from an entry', (_, datacontenttype, data) => {
  const { source: __, ...event } = fromCloudEvent({ ...GOOD, datacontenttype, data })
  const read = decodeEntry('s', { position: '1-0', fields: encodeEvent(event) })
  expect(read.data).toEqual(data)
  expect(read.headers['source']).toBe('/shop')
})

test.each<[string, unknown, string[]]>([
  ['no object', [GOOD], ['']],
  ['nothing in it', {}, ['specversion', 'id', 'source', 'type']],
  ['wrong types', { ...GOOD, id: 7, source: {}, type: '' }, ['id', 'source', 'type', 'source']],
  [
    'a name that is none',
    JSON.parse(`{"__proto__":{},"specversion":"1.0","id":"1","source":"s","type":"t"}`),
    ['__proto__'],
  ],
  ['a time that is none', { ...GOOD, time: '2026-13-28T10:00:00Z' }, ['time']],
  [
    'two kinds of data',
    { ...GOOD, data: 1, data_base64: 'MQ==', datacontenttype: 'text/plain' },
    ['data_base64'],
  ],
  ['base64 that is none', { ...GOOD, data_base64: '*', datacontenttype: 'text/plain' }, ['data_base64']],
  ['base64 of no text', { ...GOOD, data_base64: '/w==', datacontenttype: 'text/plain' }, ['data_base64']],
  [
    'base64 of no JSON',
    { ...GOOD, data_base64: 'ew==', datacontenttype: 'application/json' },
    ['data_base64'],
  ],
  ['an object as a text', { ...GOOD, data: {}, datacontenttype: 'text/plain' }, ['data']],
])('%s is refused, with each attribute at fault', async (_, value, paths) => {
  const { issues } = (await failureOf(() => fromCloudEvent(value))) as InvalidError
  expect(issues.map(({ path }) => path)).toEqual(paths)
})

test('an identity is one of source and id together', () => {
  const keys = [
    ['a', 'bc'],
    ['ab', 'c'],
    ['a', 'bd'],
  ].map(([source, id]) => identityKey({ source: source!, id: id! }))
  expect(new Set(keys).size).toBe(3)
  expect(keys[0]).toBe(identityKey({ source: 'a', id: 'bc' }))
})
