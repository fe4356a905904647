import { beforeEach, describe, expect, test } from 'vitest'
import { failureOf } from '../../../test/support/until.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import { RETRY_CONSUMER } from '../keys.ts'
import { RedisGroupStats } from './lag.ts'
import { deliver, fill, trimAll } from '../retention/retention-lab.ts'
import { RedisRetention } from '../retention/retention.ts'

const { admin: redis } = useRedis()
const stats = new RedisGroupStats(redis)
let stream: string
let streams = 0

beforeEach(() => {
  stream = `lag:${streams++}`
})

const createGroup = (start = '0') => redis.send(['XGROUP', 'CREATE', stream, 'group', start, 'MKSTREAM'])
const read = (count: number) => deliver(redis, stream, 'group', count)
const behind = async () => (await stats.lag(stream))[0]!.behind
/** What Redis says itself. */
const serverLag = async () => {
  const [group] = await redis.send<unknown[][]>(['XINFO', 'GROUPS', stream])
  return group![group!.indexOf('lag') + 1]
}

describe('how far behind a group is', () => {
  test('is known at the beginning, in the middle and at the end', async () => {
    await createGroup()
    expect(await behind()).toBe(0)
    await fill(redis, stream, 10_000)
    expect(await behind()).toBe(10_000)
    await read(4_000)
    expect(await behind()).toBe(6_000)
    await read(5_999)
    expect(await behind()).toBe(1)
    await read(1)
    expect(await behind()).toBe(0)
  })

  test('is counted where the server says nil, after XDEL', async () => {
    await createGroup()
    await fill(redis, stream, 100)
    await read(40)
    await redis.send(['XDEL', stream, '50-0', '20-0', '60-0'])
    expect(await serverLag()).toBe(null)
    expect(await behind()).toBe(58)
  })

  test('is counted where the server is off for good, by what was deleted before it was read', async () => {
    await createGroup()
    await fill(redis, stream, 10)
    await read(5)
    await redis.send(['XDEL', stream, '6-0'])
    await read(4)
    await fill(redis, stream, 1, 11)
    expect(await serverLag()).toBe(2)
    expect(await behind()).toBe(1)
  })

  test('is what is there, where MAXLEN took from a slow group', async () => {
    await createGroup()
    await fill(redis, stream, 1_000)
    await redis.send(['XTRIM', stream, 'MAXLEN', '100'])
    expect(await behind()).toBe(100)
    await read(1_000)
    expect(await behind()).toBe(0)
  })

  test('is counted from the front, where most is unread', async () => {
    await createGroup()
    await fill(redis, stream, 20_000)
    await read(10)
    await redis.send(['XTRIM', stream, 'MAXLEN', '15000'])
    await read(100)
    expect(await behind()).toBe(14_900)
  })

  test('is unknown in the middle of much, where entries were deleted', async () => {
    await createGroup()
    await fill(redis, stream, 20_000)
    await read(5_000)
    expect(await behind()).toBe(15_000)
    await redis.send(['XDEL', stream, '5001-0'])
    await read(5_000)
    expect(await serverLag()).toBeTypeOf('number')
    expect(await behind()).toBe('unknown')
  })

  test('is unknown where the server counts more than there is', async () => {
    await createGroup()
    await fill(redis, stream, 20_000)
    await read(1)
    await redis.send(['XTRIM', stream, 'MAXLEN', '5000'])
    await read(2_500)
    expect(await serverLag()).toBe(17_499)
    expect(await behind()).toBe('unknown')
  })

  test('stays known where it was retention that deleted, around what is pending', async () => {
    await createGroup()
    await fill(redis, stream, 20_000)
    const ids = await read(10_000)
    const done = ids.filter((_, index) => index >= 3_000 && index < 6_000)
    for (let from = 0; from < done.length; from += 1_000)
      await redis.send(['XACK', stream, 'group', ...done.slice(from, from + 1_000)])
    await trimAll(new RedisRetention(redis, { aroundAfterMs: 0 }), { stream, policy: { processed: true } })
    expect(await redis.send(['XLEN', stream])).toBe(17_000)
    expect(await behind()).toBe(10_000)
  })

  test('after SETID, back and beyond the end', async () => {
    await createGroup()
    await fill(redis, stream, 100)
    await read(100)
    await redis.send(['XGROUP', 'SETID', stream, 'group', '30-0'])
    expect(await behind()).toBe(70)
    await redis.send(['XGROUP', 'SETID', stream, 'group', '200-0'])
    expect(await behind()).toBe(0)
  })

  test('does not take long for large entries', async () => {
    await createGroup()
    const large = 'x'.repeat(200_000)
    for (let n = 0; n < 40; n++) await redis.send(['XADD', stream, '*', 'large', large])
    await read(20)
    expect(await behind()).toBe(20)
  })
})

describe('what is pending', () => {
  test('is told apart from what waits for its retry', async () => {
    await createGroup()
    const now = Number((await redis.send<string[]>(['TIME']))[0]) * 1_000
    for (const age of [3_600_000, 60_000, 30_000])
      await redis.send(['XADD', stream, String(now - age), 'a', 'b'])
    const [first, second] = await read(2)
    await deliver(redis, stream, 'group', 1, 'another')
    const claim = (consumer: string, id: string) =>
      redis.send(['XCLAIM', stream, 'group', consumer, '0', id, 'JUSTID'])
    expect(await stats.lag(stream)).toMatchObject([{ pending: 3, waiting: 0, behind: 0 }])
    await claim(RETRY_CONSUMER, first!)
    const [lag] = await stats.lag(stream)
    expect(lag).toMatchObject({ group: 'group', pending: 3, waiting: 1 })
    expect(lag!.oldestPendingAgeMs).toBeGreaterThanOrEqual(60_000)
    expect(lag!.oldestPendingAgeMs).toBeLessThan(1_000_000)
    await claim(RETRY_CONSUMER, second!)
    expect((await stats.lag(stream))[0]!.oldestPendingAgeMs).toBeLessThan(60_000 + 1_000_000)
    await redis.send(['XACK', stream, 'group', ...(await pendingOf('another'))])
    expect((await stats.lag(stream))[0]).not.toHaveProperty('oldestPendingAgeMs')
  })

  const pendingOf = async (consumer: string) =>
    (await redis.send<[string][]>(['XPENDING', stream, 'group', '-', '+', '10', consumer])).map(([id]) => id)
})

describe('a stream', () => {
  test('that is not there has no groups', async () => {
    expect(await stats.lag(stream)).toEqual([])
  })

  test('that is something else is refused', async () => {
    await redis.send(['SET', stream, 'text'])
    expect((await failureOf(stats.lag(stream))).code).toBe('UNKNOWN_STREAM')
  })

  test('with several groups has one row for each', async () => {
    await fill(redis, stream, 10)
    await createGroup()
    await redis.send(['XGROUP', 'CREATE', stream, 'a{}\n b', '7-0'])
    const rows = await stats.lag(stream)
    expect(rows.map(({ group, behind, lastDelivered }) => [group, behind, lastDelivered]).sort()).toEqual([
      ['a{}\n b', 3, '7-0'],
      ['group', 10, '0-0'],
    ])
  })
})
