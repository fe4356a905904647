import { afterEach, beforeEach, expect, test } from 'vitest'
import { useSinkRuns } from '../../../test/support/sink-runs.ts'
import { until } from '../../../test/support/until.ts'
import { usePostgres } from '../../../test/support/use-postgres.ts'
import { Lab } from '../../../test/support/worker-lab.ts'
import { filter } from '../../middleware/filter.ts'
import { createTestDatabase, queryOnce } from '../../postgres/test-database.ts'
import { MemoryStreamLog } from '../../testing/memory-log.ts'
import type { SinkPipelineOptions } from '../pipeline.ts'
import { postgresSink } from './postgres.ts'
import type { ColumnPath } from './postgres/columns.ts'

const server = usePostgres()
let lab: Lab
let url: string

beforeEach(async () => {
  lab = new Lab(new MemoryStreamLog())
  url = await createTestDatabase(server.url)
})
afterEach(async () => {
  await lab.close()
})

const runs = useSinkRuns()
const publish = (data: readonly string[]) => lab.publish(data.length, (n) => ['type', 't', 'data', data[n]!])

interface Into {
  columns: Record<string, ColumnPath>
  types?: string
  key?: string[]
  pipeline?: Partial<SinkPipelineOptions>
}

/** Writes events of these data, in one batch, to a new table `exact`, and answers its rows, each value as a text. */
async function rowsOf(data: readonly string[], { columns, types, key = [], pipeline = {} }: Into) {
  const names = Object.keys(columns)
  await queryOnce(url, `CREATE TABLE exact (row_number bigint GENERATED ALWAYS AS IDENTITY, ${types})`)
  await publish(data)
  const pipe = await runs(lab.log, 'exact', {
    from: lab.stream,
    to: postgresSink({ url, table: 'exact', columns, key }),
    batch: { size: data.length, waitMs: 500 },
    retry: { attempts: 1 },
    ...pipeline,
  })
  await until('all', async () => pipe.status.written + (await lab.letters()).length === data.length)
  const texts = names.map((name) => `${name}::text`).join()
  const rows = await queryOnce<Record<string, string | null>>(
    url,
    `SELECT ${texts} FROM exact ORDER BY row_number`,
  )
  return rows.map((row) => names.map((name) => row[name]))
}

/** One part of each, to columns of several types. */
const amounts = (data: readonly string[], types: readonly string[]) =>
  rowsOf(data, {
    types: types.map((type, n) => `c${n} ${type}`).join(),
    columns: Object.fromEntries(types.map((_, n) => [`c${n}`, 'data.amount' as const])),
  })

const amount = (number: string) => `{"amount":${number}}`

const INTEGER = '1234567890123456789'
const LONG = '12345678901234567890'
const FRACTION = '0.12345678901234567891'

test('a part is written as it was published: a whole number, to columns of each type', async () => {
  const types = ['numeric', 'bigint', 'text', 'json', 'jsonb']
  expect(await amounts([INTEGER, `-${INTEGER}`, '9007199254740993'].map(amount), types)).toEqual([
    Array(5).fill(INTEGER),
    Array(5).fill(`-${INTEGER}`),
    Array(5).fill('9007199254740993'),
  ])
})

test('a part is written as it was published: numbers beyond 64 bits, and fractions', async () => {
  const numbers = [LONG, FRACTION, `-${FRACTION}`, '123456789.123456789100', `${LONG}.10`]
  const rows = await amounts(numbers.map(amount), ['numeric', 'text', 'json', 'jsonb'])
  expect(rows).toEqual(numbers.map((number) => Array(4).fill(number)))
})

test('nested parts, items of arrays, and objects and arrays that contain numbers', async () => {
  const data = `{ "a": {"b": [1, ${LONG}, {"c": ${FRACTION}}], "s": "x\\u00e9\\"${LONG}"}, "ok": true, "none": null }`
  const columns = {
    item: 'data.a.b.1',
    deep: 'data.a.b.2.c',
    list: 'data.a.b',
    whole: 'data.a',
    raw: 'data',
    words: 'data.a.s',
    ok: 'data.ok',
    none: 'data.none',
    missing: 'data.a.x',
    size: 'data.a.b.length',
    kind: 'type',
  } as const
  const types =
    'item numeric, deep text, list jsonb, whole json, raw jsonb, words text, ok bool, none text, missing text, size int, kind text'
  const [row] = await rowsOf([data], { columns, types })
  const list = `[1, ${LONG}, {"c": ${FRACTION}}]`
  const words = `xé"${LONG}`
  const whole = `{"b": ${list}, "s": ${JSON.stringify(words)}}`
  const raw = `{"a": ${whole}, "ok": true, "none": null}`
  expect(row!.map((text) => text?.replaceAll(' ', ''))).toEqual(
    [LONG, FRACTION, list, whole, raw, words, 'true', null, null, '3', 't'].map((text) =>
      text?.replaceAll(' ', ''),
    ),
  )
})

test('items of an array column are exact', async () => {
  const columns = { list: 'data.list' } as const
  expect(await rowsOf([`{"list":[1,${INTEGER}]}`], { columns, types: 'list bigint[]' })).toEqual([
    [`{1,${INTEGER}}`],
  ])
})

test('a number has no parts, however it is held', async () => {
  const columns = { a: 'data.amount.value', b: 'data.amount.isLosslessNumber', c: 'data.amount' } as const
  const types = 'a text, b text, c numeric'
  expect(await rowsOf([amount(LONG)], { columns, types })).toEqual([[null, null, LONG]])
})

test('objects that look like a number of the library are objects', async () => {
  const data = `{"amount":{"value":"1","isLosslessNumber":true,"n":${LONG}}}`
  const [[text]] = (await amounts([data], ['jsonb'])) as [[string]]
  expect(text).toBe(`{"n": ${LONG}, "value": "1", "isLosslessNumber": true}`)
})

test('numbers that JavaScript has are written as before, whatever else is long', async () => {
  const numbers = ['-0', '1E+2', '1.0', '1e20', '0.30000000000000004', '9007199254740992.0', '0e400']
  const written = ['0', '100', '1', '100000000000000000000', '0.30000000000000004', '9007199254740992', '0']
  const data = numbers.flatMap((number) => [amount(number), `{"amount":${number},"other":${LONG}}`])
  const rows = await amounts(data, ['numeric', 'text'])
  expect(rows).toEqual(written.flatMap((number) => [Array(2).fill(number), Array(2).fill(number)]))
})

test('a whole number that is written with a fraction stays good for a column of type int', async () => {
  expect(await amounts([`{"amount":1.0,"other":${LONG}}`], ['int'])).toEqual([['1']])
})

test('numbers beyond those of JavaScript, which are Infinity and 0 there', async () => {
  const rows = await amounts(['1e400', '-1E+0400', '1e-400'].map(amount), ['numeric', 'text'])
  const huge = `1${'0'.repeat(400)}`
  const tiny = `0.${'0'.repeat(399)}1`
  expect(rows).toEqual([Array(2).fill(huge), Array(2).fill(`-${huge}`), Array(2).fill(tiny)])
})

test('what the type of the column does not hold is a dead letter, and holds up no other', async () => {
  const rows = await amounts(['1', LONG, '1e400', '2'].map(amount), ['bigint', 'float8'])
  expect(rows).toEqual([
    ['1', '1'],
    ['2', '2'],
  ])
  expect((await lab.letters()).map((letter) => letter['deadletter-error'])).toEqual(
    Array(2).fill('SINK_REFUSED'),
  )
})

test('of members given twice the last one stands, as for JSON.parse', async () => {
  const data = [
    `{"amount":1,"amount":${LONG}}`,
    `{"amount":${LONG},"amount":1}`,
    `{"amount":[${LONG}],"amount":{},"other":${LONG}}`,
    `{"amount":${LONG},"amount":null}`,
    `{"amount":{"a":${LONG},"a":${INTEGER}},"\\u0061mount":{"a":1,"a":${LONG}}}`,
  ]
  expect(await amounts(data, ['jsonb'])).toEqual([[LONG], ['1'], ['{}'], [null], [`{"a": ${LONG}}`]])
})

test('only what the data has itself: __proto__ is a member like others, and reaches no prototype', async () => {
  const columns = {
    own: 'data.__proto__.x',
    inherited: 'data.x',
    made: 'data.constructor',
    a: 'data.a',
  } as const
  const types = 'own numeric, inherited text, made text, a jsonb'
  const data = [
    `{"__proto__":{"x":${LONG}},"a":{"__proto__":{"x":1}}}`,
    `{"a":${LONG}}`,
    `{"__proto__":${LONG},"__proto__":{"x":1}}`,
    `{"constructor":{"prototype":{"x":${LONG}}}}`,
  ]
  expect(await rowsOf(data, { columns, types })).toEqual([
    [LONG, null, null, '{"__proto__": {"x": 1}}'],
    [null, null, null, LONG],
    ['1', null, null, null],
    [null, null, `{"prototype": {"x": ${LONG}}}`, null],
  ])
  expect(({} as { x?: unknown }).x).toBeUndefined()
})

test('deep data is exact up to 500 levels; deeper, it is a dead letter if it has long numbers', async () => {
  const nested = (levels: number, number: string) =>
    `{"amount":${number},"deep":${'['.repeat(levels - 1)}${number}${']'.repeat(levels - 1)}}`
  const data = [nested(500, LONG), nested(501, LONG), nested(100_000, LONG), nested(1_000, '1')]
  const columns = { amount: 'data.amount', deep: 'data.deep' } as const
  const rows = await rowsOf(data, { columns, types: 'amount numeric, deep jsonb' })
  expect(rows.map(([number, deep]) => [number, deep!.length])).toEqual([
    [LONG, 499 * 2 + LONG.length],
    ['1', 999 * 2 + 1],
  ])
  const reasons = (await lab.letters()).map((letter) => letter['deadletter-reason'])
  expect(reasons).toEqual(Array(2).fill(expect.stringMatching(/deeper than 500 levels/)))
})

test('keys that differ only beyond 2^53 are two rows, of which the last stands', async () => {
  const account = (id: string, v: number) => `{"id":${id},"v":${v}}`
  const data = [
    account('9007199254740993', 1),
    account('9007199254740992', 2),
    account('9007199254740993', 3),
    account(LONG, 4),
    account('12345678901234567891', 5),
  ]
  const columns = { id: 'data.id', v: 'data.v' } as const
  const types = 'id numeric UNIQUE, v int'
  const rows = await rowsOf(data, { columns, types, key: ['id'] })
  expect(rows.toSorted()).toEqual(
    [
      ['9007199254740992', '2'],
      ['9007199254740993', '3'],
      [LONG, '4'],
      ['12345678901234567891', '5'],
    ].toSorted(),
  )
})

test('a key that holds the data themselves is exact', async () => {
  const columns = { id: 'data', at: 'position' } as const
  const data = [
    '9007199254740992',
    '9007199254740993',
    '9007199254740992',
    'null',
    `{"a":${LONG}}`,
    `{"a":1}`,
  ]
  const rows = await rowsOf(data, { columns, types: 'id jsonb UNIQUE, at text', key: ['id'] })
  expect(rows.map(([id]) => id).toSorted()).toEqual(
    ['9007199254740992', '9007199254740993', null, `{"a": ${LONG}}`, '{"a": 1}'].toSorted(),
  )
})

test('one key is one row, whether or not something else in its event is long, and however it is spelled', async () => {
  const columns = { id: 'data.id', v: 'data.v' } as const
  const data = [
    `{"id":1,"v":1}`,
    `{"id":1.0,"v":2,"other":${LONG}}`,
    `{"id":1e20,"v":3}`,
    `{"id":100000000000000000000,"v":4}`,
    `{"id":${LONG},"v":5}`,
    `{"id":${LONG}.0,"v":6}`,
  ]
  const rows = await rowsOf(data, { columns, types: 'id numeric UNIQUE, v int', key: ['id'] })
  expect(rows.map(([, v]) => v).toSorted()).toEqual(['2', '4', '6'])
})

test('where middleware was on the way, parts are what it made of the data', async () => {
  const columns = { amount: 'data.amount' } as const
  const pipeline = { middleware: [filter(() => true)] }
  const rows = await rowsOf([amount(LONG)], { columns, types: 'amount numeric', pipeline })
  expect(rows).toEqual([['12345678901234567000']])
})
