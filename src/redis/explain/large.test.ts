import { expect, test } from 'vitest'
import { populate } from '../../../bench/admin/populate.ts'
import { until } from '../../../test/support/until.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import { RedisStreamCatalogue } from '../operations/catalogue.ts'
import { RedisExplain } from './explain.ts'

const { admin } = useRedis()
const catalogue = new RedisStreamCatalogue(admin)
const explain = new RedisExplain(admin, catalogue)
const SMALLER = { streams: 200, groups: 1_000, consumers: 2_000, pending: 200_000 }
/** As long as nothing may hold up Redis, in µs. */
const SLOW = '5000'

type SlowRow = [id: number, at: number, micros: number, words: string[]]

/** Looks until no command was slow each time: a busy machine makes some so now and then. */
async function expectShort(look: () => Promise<unknown>): Promise<void> {
  await admin.send(['CONFIG', 'SET', 'slowlog-log-slower-than', SLOW, 'slowlog-max-len', '10000'])
  let always: string[] | undefined
  await until('looks without commands that are slow each time', async () => {
    await admin.send(['SLOWLOG', 'RESET'])
    await look()
    const rows = await admin.send<SlowRow[]>(['SLOWLOG', 'GET', '-1'])
    const slow = new Set(rows.map(([, , , words]) => words.slice(0, 5).join(' ')))
    always = always?.filter((one) => slow.has(one)) ?? [...slow]
    return always.length === 0
  })
}

test('a large Redis is listed and explained, each group of it, in short commands', async () => {
  expect(await populate(admin, SMALLER)).toBe(SMALLER.pending)
  const overviews = await catalogue.list()
  expect(overviews).toHaveLength(SMALLER.streams)
  expect(overviews.reduce((sum, { pending }) => sum + pending, 0)).toBe(SMALLER.pending)
  expect(overviews[0]).toMatchObject({ groups: 5, consumers: 10, pending: 1_000, lag: 20 })
  const explanations = await explain.explain({ sampleMs: 1 })
  expect(explanations).toHaveLength(SMALLER.groups)
  expect(explanations[0]!.evidence).toMatchObject({ consumers: 2, pending: 200, behind: 20 })

  await expectShort(async () => {
    await catalogue.list()
    await explain.explain({ sampleMs: 1 })
  })
})

test('a stream is looked at in short commands, whatever one group of it has', async () => {
  await admin.send(['FLUSHALL'])
  await populate(admin, { streams: 1, groups: 1, consumers: 1, pending: 100_000, unread: 5_000 })
  for (let from = 0; from < 3_000; from += 1_000) {
    const many = `for n = 1, 1000 do
      redis.call('XGROUP', 'CREATECONSUMER', 'stream-0', 'group-1', 'c' .. ARGV[1] .. '-' .. n)
    end`
    await admin.send(['EVAL', many, '0', String(from)])
  }
  const [middle] = await admin.send<[string][]>(['XREVRANGE', 'stream-0', '+', '-', 'COUNT', '1'])
  await admin.send(['XDEL', 'stream-0', middle![0]])
  const look = () => explain.explain({ sampleMs: 1 })
  expect(await look()).toMatchObject([{ evidence: { consumers: 3_001, pending: 100_000 } }])
  await expectShort(look)
})
