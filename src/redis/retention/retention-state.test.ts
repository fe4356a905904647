import { beforeEach, describe, expect, test } from 'vitest'
import { range, retentionSteps } from '../../../test/support/retention-steps.ts'
import { until } from '../../../test/support/until.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import { RedisHolds } from './holds.ts'
import { groupKeys, inletKey } from '../keys.ts'
import { deliver, fill, idsOf, targetOf, trimAll } from './retention-lab.ts'
import { expiredGroupsKey, RedisRetention, retentionKey } from './retention.ts'

const { admin: redis } = useRedis()
const holds = new RedisHolds(redis)
let retention: RedisRetention
let stream: string
let streams = 0
beforeEach(() => {
  stream = `orders:{a}b:${streams++}`
  retention = new RedisRetention(redis)
})
const steps = retentionSteps(redis, () => ({ stream, retention }))
const { createGroup, acknowledge, trim, inspect, doneWith } = steps

describe('a hard cap', () => {
  test('drops 900 of 1,000 entries ahead of a slow group, and says so', async () => {
    await fill(redis, stream, 1_000)
    await createGroup('slow')
    expect(await trim({ hardMaxLength: 100 })).toMatchObject({ trimmed: 0, capped: 900 })
    expect(await idsOf(redis, stream)).toEqual(range(901, 1_000))
    const state = await inspect({ hardMaxLength: 100 })
    expect(state.trimmedUnread).toEqual([{ kind: 'group', name: 'slow', unread: 900, pending: 0 }])
  })

  test('counts exactly, for each group, hold and declared group, over several rounds', async () => {
    await fill(redis, stream, 2_000)
    await createGroup('reader')
    const ids = await deliver(redis, stream, 'reader', 700)
    await acknowledge(
      'reader',
      ids.filter((_, index) => index % 2 === 0),
    )
    await createGroup('idle group: with words')
    await redis.send(['XGROUP', 'CREATE', stream, 'up to date', '$'])
    await holds.set(stream, 'tail', '901-0')
    const groups = [{ name: 'late', start: '950-0' }]
    for (const hardMaxLength of [1_777, 1_501, 1_000])
      await Promise.all(
        [1, 2].map(() => trimAll(new RedisRetention(redis), { stream, policy: { hardMaxLength }, groups })),
      )
    expect(await redis.send(['XLEN', stream])).toBe(1_000)
    const state = await inspect({ hardMaxLength: 1_000 }, groups)
    expect([...state.trimmedUnread].sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
      { kind: 'group', name: 'idle group: with words', unread: 1_000, pending: 0 },
      { kind: 'group', name: 'late', unread: 50, pending: 0 },
      { kind: 'group', name: 'reader', unread: 300, pending: 350 },
      { kind: 'hold', name: 'tail', unread: 100, pending: 0 },
    ])
  })

  test('drops nothing that is needed while there is anything else', async () => {
    await fill(redis, stream, 2_000)
    await createGroup('group')
    await deliver(redis, stream, 'group', 1_000)
    await acknowledge('group', range(2, 1_000))
    expect(await trim({ hardMaxLength: 1_001 })).toMatchObject({ trimmed: 999, capped: 0 })
    expect(await idsOf(redis, stream)).toEqual(['1-0', ...range(1_001, 2_000)])
    expect(await trim({ hardMaxLength: 999 })).toMatchObject({ trimmed: 0, capped: 2 })
    expect((await inspect({ hardMaxLength: 999 })).trimmedUnread).toEqual([
      { kind: 'group', name: 'group', unread: 1, pending: 1 },
    ])
  })

  test('works when the memory is full', async () => {
    await fill(redis, stream, 1_000)
    await createGroup('slow')
    await redis.send(['CONFIG', 'SET', 'maxmemory', '1'])
    try {
      expect(await trim({ hardMaxLength: 10 })).toMatchObject({ capped: 990 })
    } finally {
      await redis.send(['CONFIG', 'SET', 'maxmemory', '0'])
    }
  })
})

describe('who blocks', () => {
  test('is told with the position and since when, which survives a restart of ours', async () => {
    await fill(redis, stream, 100)
    await doneWith('fast', 100)
    await doneWith('slow', 30)
    await holds.set(stream, 'backup', '41-0')
    const policy = { maxAgeMs: 1_000 }
    const groups = [{ name: 'late', start: '50-0' }]
    await trim(policy, groups)
    const { blockers, ...state } = await inspect(policy, groups)
    expect(state).toMatchObject({ length: 70, first: '31-0' })
    expect(blockers).toMatchObject([
      { kind: 'group', name: 'slow', position: '30-1' },
      { kind: 'declared', name: 'late', position: '50-1' },
      { kind: 'hold', name: 'backup', position: '41-0' },
    ])
    const mark = Number(blockers[0]!.since)
    await until('time to pass', async () => Number((await redis.send<string[]>(['TIME']))[0]) * 1_000 > mark)
    const again = (await new RedisRetention(redis).inspect(targetOf({ stream, policy, groups }))).blockers
    expect(again).toEqual(blockers)
  })

  test('beyond the length is whoever needs the oldest entry, and whoever is furthest behind', async () => {
    await fill(redis, stream, 100)
    await doneWith('fast', 100)
    await doneWith('slow', 30)
    await createGroup('parking')
    await deliver(redis, stream, 'parking', 100)
    await acknowledge('parking', range(2, 100))
    await trim({ maxLength: 10 })
    const { blockers } = await inspect({ maxLength: 10 })
    expect(blockers.map(({ name, position }) => [name, position])).toEqual([
      ['parking', '1-0'],
      ['slow', '30-1'],
    ])
  })

  test('is nobody any more once nothing is kept back, nor while nothing should go', async () => {
    await fill(redis, stream, 100)
    await doneWith('slow', 30)
    await inspect({ maxLength: 10 })
    expect((await inspect({ maxLength: 100 })).blockers).toEqual([])
    const [first] = (await inspect({ maxLength: 10 })).blockers
    await acknowledge('slow', await deliver(redis, stream, 'slow', 100))
    await trim({ maxLength: 10 })
    expect((await inspect({ maxLength: 10 })).blockers).toEqual([])
    expect(await redis.send(['HGETALL', retentionKey(stream)])).toEqual([])
    expect(first).toMatchObject({ name: 'slow' })
  })

  test('is not who is just at work', async () => {
    await redis.send(['XADD', stream, '*', 'a', 'b'])
    await createGroup('busy')
    await deliver(redis, stream, 'busy', 1)
    expect((await inspect({ processed: true })).blockers).toEqual([])
  })
})

describe('an abandoned group', () => {
  const expire = { abandonedAfterMs: 60_000, abandonedAction: 'expire' } as const
  const alarm = { abandonedAfterMs: 60_000 }

  /** A group that lags, whose consumers are gone, and that was watched all along since its last sign of life. */
  async function abandon(group: string, { silentMs = 61_000, unwatchedMs = 10_000 } = {}): Promise<void> {
    await fill(redis, stream, 5)
    await createGroup(group)
    const keys = groupKeys(stream, group)
    const now = Date.now()
    await redis.send(['ZADD', keys.heartbeats, String(now - silentMs), 'dead'])
    await redis.send(['HSET', keys.state, 'low', '0-0'])
    await redis.send(['ZADD', keys.retry, '1', '1-0'])
    await redis.send(['SET', keys.lease, 'dead'])
    await redis.send(['XADD', inletKey(stream, group), '*', 'a', 'b'])
    await redis.send(['ZADD', groupKeys(inletKey(stream, group), group).retry, '1', '1-0'])
    const alive = `${now - silentMs} ${now - unwatchedMs} 0-0:0`
    await redis.send(['HSET', retentionKey(stream), `alive ${group}`, alive])
  }
  const keysOf = async () =>
    (await redis.send<string[]>(['KEYS', '*'])).filter((key) => key.includes(`:${streams - 1}`)).sort()
  const groupNames = async () =>
    (await redis.send<string[][]>(['XINFO', 'GROUPS', stream])).map((row) => row[1])

  test('is reported and keeps its entries', async () => {
    await abandon('gone')
    const { abandoned } = await inspect({ ...alarm, maxLength: 1 })
    expect(abandoned).toMatchObject([{ group: 'gone', pending: 0, expired: false }])
    expect(abandoned[0]!.silentMs).toBeGreaterThanOrEqual(61_000)
    expect(await trim({ maxLength: 1 })).toMatchObject({ trimmed: 0 })
  })

  test('expires with all that it has, is remembered, and lets its entries go', async () => {
    await abandon('gone')
    expect((await inspect(expire)).abandoned).toMatchObject([{ group: 'gone', expired: true }])
    expect(await keysOf()).toEqual([stream, expiredGroupsKey(stream)].sort())
    expect(await groupNames()).toEqual([])
    expect(await retention.expiredGroups(stream)).toMatchObject([
      {
        group: 'gone',
        pending: 0,
        lastDelivered: '0-0',
        silentMs: expect.any(Number),
        at: expect.any(Number),
      },
    ])
    expect(await trim({ maxLength: 1 })).toMatchObject({ trimmed: 4 })
  })

  test('that is declared never expires', async () => {
    await abandon('declared')
    const { abandoned } = await inspect(expire, [{ name: 'declared' }])
    expect(abandoned).toMatchObject([{ group: 'declared', expired: false }])
    expect(await groupNames()).toEqual(['declared'])
  })

  test.each<[string, () => Promise<unknown>]>([
    [
      'has a heartbeat',
      () => redis.send(['ZADD', groupKeys(stream, 'group').heartbeats, String(Date.now()), 'alive']),
    ],
    ['has a consumer of other software that reads', () => deliver(redis, stream, 'group', 1)],
    ['was set back or forth by an operator', () => redis.send(['XGROUP', 'SETID', stream, 'group', '1-0'])],
    ['is done with everything', () => redis.send(['XGROUP', 'SETID', stream, 'group', '5-0'])],
    ['is beyond everything', () => redis.send(['XGROUP', 'SETID', stream, 'group', '99-0'])],
  ])('is none that %s', async (_, act) => {
    await abandon('group')
    await act()
    expect((await inspect(expire)).abandoned).toEqual([])
    expect(await groupNames()).toEqual(['group'])
  })

  test('is one that has everything and did not acknowledge it', async () => {
    await abandon('group')
    await deliver(redis, stream, 'group', 5)
    const silent = { abandonedAfterMs: 400 }
    const found = await until('silence', async () => (await inspect(silent)).abandoned[0])
    expect(found).toMatchObject({ group: 'group', pending: 5 })
  })

  test('without a consumer is silent since its last sign of life, or since it was first seen', async () => {
    await fill(redis, stream, 5)
    await createGroup('new')
    expect((await inspect(expire)).abandoned).toEqual([])
    await deliver(redis, stream, 'new', 1)
    await inspect(expire)
    await redis.send(['XGROUP', 'DELCONSUMER', stream, 'new', 'consumer'])
    expect((await inspect(expire)).abandoned).toEqual([])
    const [alive] = (await redis.send<string>(['HGET', retentionKey(stream), 'alive new'])).split(' ')
    expect(Date.now() - Number(alive)).toBeLessThan(60_000)
  })

  test('is none after an outage in which nobody could look', async () => {
    await abandon('group', { silentMs: 7_200_000, unwatchedMs: 3_600_000 })
    expect((await inspect(expire)).abandoned).toEqual([])
    expect(await groupNames()).toEqual(['group'])
  })

  test('that comes back is not destroyed, however late', async () => {
    await abandon('group')
    expect((await inspect(alarm)).abandoned).toHaveLength(1)
    await redis.send(['ZADD', groupKeys(stream, 'group').heartbeats, String(Date.now()), 'back'])
    await inspect(expire)
    expect(await groupNames()).toEqual(['group'])
  })

  test('leaves nothing in the record once somebody else destroyed it', async () => {
    await abandon('group')
    await inspect(alarm)
    await redis.send(['XGROUP', 'DESTROY', stream, 'group'])
    await inspect(alarm)
    expect(await redis.send(['EXISTS', retentionKey(stream)])).toBe(0)
  })
})
