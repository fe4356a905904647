import { expect, it } from 'vitest'
import { useLog, useRedis } from '../../../test/support/use-redis.ts'
import { failureOf } from '../../../test/support/until.ts'

const { server: redis, admin } = useRedis()
const log = useLog(redis)

const add = (stream: string, position: string, ...fields: string[]) =>
  admin.send<string>(['XADD', stream, position, ...fields])
const positions = async (stream: string, range: object) => {
  const { entries, next } = await log.operations.entries.list(stream, range)
  return [entries.map(({ position }) => position), next]
}

it('pages go through all entries in either direction, whatever numbers their positions have', async () => {
  const all = ['1-9', '1-10', '2-0', '10-0', '18446744073709551615-3']
  for (const position of all) await add('order', position, 'a', '1')
  for (const order of ['oldest', 'newest'] as const) {
    const found: string[] = []
    let after: string | undefined
    do {
      const page = await log.operations.entries.list('order', { order, limit: 2, ...(after && { after }) })
      found.push(...page.entries.map(({ position }) => position))
      after = page.next
    } while (after !== undefined)
    expect(found).toEqual(order === 'oldest' ? all : all.toReversed())
  }
})

it('a range has both of its ends, as positions or moments', async () => {
  for (const position of ['1000-0', '2000-0', '2000-7', '3000-0']) await add('range', position, 'a', '1')
  expect(await positions('range', { from: '2000-0', to: '2000-7' })).toEqual([
    ['2000-7', '2000-0'],
    undefined,
  ])
  const second = new Date(2_000)
  expect(await positions('range', { from: second, to: second, order: 'oldest' })).toEqual([
    ['2000-0', '2000-7'],
    undefined,
  ])
  expect(await positions('range', { from: '3000-0', to: '1000-0' })).toEqual([[], undefined])
})

it('a page ends where it gets large, and an entry that is too large is cut', async () => {
  for (const position of ['1-0', '2-0', '3-0']) await add('large', position, 'data', 'x'.repeat(600_000))
  await add('large', '4-0', ...Array.from({ length: 400 }, (_, index) => `${index}`.padEnd(5_000, '.')))
  const { entries, next } = await log.operations.entries.list('large', {})
  expect(entries).toMatchObject([{ position: '4-0', bytes: 2_000_000, truncated: true }])
  expect(entries[0]!.fields).toHaveLength(100)
  expect(entries[0]!.fields[0]).toHaveLength(4_000)
  const rest = await log.operations.entries.list('large', { after: next! })
  expect(rest.entries.map(({ position, truncated }) => [position, truncated])).toEqual([['3-0', undefined]])
})

it('an empty stream has none, and what is no stream is told', async () => {
  await admin.send(['XGROUP', 'CREATE', 'empty', 'g', '$', 'MKSTREAM'])
  expect(await positions('empty', {})).toEqual([[], undefined])
  await admin.send(['SET', 'text', 'x'])
  const { entries } = log.operations
  for (const name of ['nowhere', 'text'])
    expect(await failureOf(entries.list(name))).toMatchObject({ code: 'UNKNOWN_STREAM' })
  for (const range of [{ limit: 0 }, { after: 'x' }, { from: 'x' }, { to: '1' }, { order: 'up' as 'oldest' }])
    expect(await failureOf(entries.list('empty', range))).toMatchObject({ code: 'CONFIGURATION_INVALID' })
})
