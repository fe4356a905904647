import { beforeEach, describe, expect, test } from 'vitest'
import { range, retentionSteps } from '../../../test/support/retention-steps.ts'
import { failureOf, until } from '../../../test/support/until.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import type { RetentionPolicy } from '../../core/retention-policy.ts'
import { holdsKey, RedisHolds } from './holds.ts'
import { deadLetterKey, groupKeys, RETRY_CONSUMER } from '../keys.ts'
import { deliver, fill, idsOf, targetOf, trimAll } from './retention-lab.ts'
import { RedisRetention } from './retention.ts'

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

describe('what every group is done with', () => {
  test('goes to the last entry, and what one of them was not given stays', async () => {
    await fill(redis, stream, 1_000)
    await doneWith('fast', 1_000)
    await doneWith('slow', 457)
    expect(await trim({ processed: true })).toMatchObject({ trimmed: 457, capped: 0 })
    expect(await idsOf(redis, stream)).toEqual(range(458, 1_000))
  })

  test('does not hold what is pending, to the entry', async () => {
    await fill(redis, stream, 10)
    await createGroup('group')
    await acknowledge(
      'group',
      (await deliver(redis, stream, 'group', 5)).filter((id) => id !== '4-0'),
    )
    await trim({ processed: true })
    expect(await idsOf(redis, stream)).toEqual(range(4, 10))
    await acknowledge('group', ['4-0'])
    await trim({ processed: true })
    expect(await idsOf(redis, stream)).toEqual(range(6, 10))
  })

  test('stays as long as it should be kept', async () => {
    await redis.send(['XADD', stream, '1-0', 'a', 'b'])
    await redis.send(['XADD', stream, '*', 'a', 'b'])
    await doneWith('group', 2)
    await trim({ processed: { keepMs: 3_600_000 } })
    expect(await idsOf(redis, stream)).toHaveLength(1)
    await trim({ processed: true })
    // The last one may be of this very millisecond of the server.
    await until('the entry to go', async () => {
      await trim({ processed: true })
      return (await idsOf(redis, stream)).length === 0
    })
  })

  test('is nothing while there is no group', async () => {
    await fill(redis, stream, 10)
    expect(await trim({ processed: true })).toMatchObject({ trimmed: 0 })
  })

  test('is read again after SETID 0, and is there', async () => {
    await fill(redis, stream, 100)
    await doneWith('group', 100)
    await redis.send(['XGROUP', 'SETID', stream, 'group', '0'])
    expect(await trim({ processed: true, maxLength: 1, maxAgeMs: 1 })).toMatchObject({ trimmed: 0 })
    expect(await deliver(redis, stream, 'group', 1_000)).toEqual(range(1, 100))
  })

  test('after SETID 0 what is pending far ahead does not hide what is to be read again', async () => {
    await fill(redis, stream, 100)
    await createGroup('group')
    await deliver(redis, stream, 'group', 100)
    await acknowledge('group', range(1, 90))
    await redis.send(['XGROUP', 'SETID', stream, 'group', '20-0'])
    await trim({ processed: true })
    expect(await idsOf(redis, stream)).toEqual(range(21, 100))
  })

  test('is told apart where positions differ in length and by one', async () => {
    const largest = '18446744073709551615'
    const ids = ['9-9', '9-10', '9-99', '9-100', `9-${largest}`, '10-0', '99-1', '100-0']
    for (const id of ids) await redis.send(['XADD', stream, id, 'a', 'b'])
    await createGroup('group')
    for (let left = ids.length; left >= 0; left--) {
      expect(await idsOf(redis, stream)).toEqual(ids.slice(ids.length - left))
      await acknowledge('group', [...(await deliver(redis, stream, 'group', 1)), '1-1'])
      await trim({ processed: true })
    }
  })

  test('up to the largest position there is', async () => {
    const largest = '18446744073709551615'
    await redis.send(['XADD', stream, '1-0', 'a', 'b'])
    await redis.send(['XADD', stream, `${largest}-${largest}`, 'a', 'b'])
    await doneWith('group', 2)
    await trim({ maxLength: 0 })
    expect(await idsOf(redis, stream)).toEqual([`${largest}-${largest}`])
  })
})

describe('limits', () => {
  test('the length is exact, however long the nodes of the stream are', async () => {
    await fill(redis, stream, 1_234)
    expect(await trim({ maxLength: 1_007 })).toMatchObject({ trimmed: 227 })
    expect(await idsOf(redis, stream)).toEqual(range(228, 1_234))
  })

  test('the length lets go only what nobody needs', async () => {
    await fill(redis, stream, 1_000)
    await doneWith('slow', 100)
    expect(await trim({ maxLength: 500 })).toMatchObject({ trimmed: 100, capped: 0 })
    expect(await idsOf(redis, stream)).toEqual(range(101, 1_000))
  })

  test('the age works for a stream without groups, such as the dead letters', async () => {
    const dead = deadLetterKey(stream)
    await fill(redis, dead, 350)
    const fresh = await redis.send<string>(['XADD', dead, '*', 'a', 'b'])
    await trimAll(retention, { stream: dead, policy: { maxAgeMs: 3_600_000 } })
    expect(await idsOf(redis, dead)).toEqual([fresh])
  })

  test('an age beyond the beginning of time keeps everything', async () => {
    await fill(redis, stream, 10)
    expect(await trim({ maxAgeMs: Number.MAX_SAFE_INTEGER })).toMatchObject({ trimmed: 0 })
  })

  test('large entries go too, and many of them', async () => {
    const large = 'x'.repeat(300_000)
    for (let n = 1; n <= 20; n++) await redis.send(['XADD', stream, `${n}-0`, 'large', large])
    await doneWith('group', 13)
    await trim({ maxLength: 3 })
    expect(await idsOf(redis, stream)).toEqual(range(14, 20))
  })

  test('a stream that is not there is done, and something else is refused', async () => {
    expect(await trim({ maxLength: 1, hardMaxLength: 1 })).toEqual({ trimmed: 0, capped: 0, steps: 1 })
    expect(await inspect({ maxLength: 1 })).toMatchObject({ length: 0 })
    await redis.send(['SET', stream, 'text'])
    expect((await failureOf(trim({ maxLength: 1 }))).message).toMatch(/WRONGTYPE/)
  })

  test('a backlog of 1,000,000 goes in steps that are all short', async () => {
    await fill(redis, stream, 1_000_000)
    await createGroup('group', '1000000-0')
    const target = targetOf({ stream, policy: { processed: true } })
    const steps: number[] = []
    for (let more = true; more;) {
      const step = await retention.trim(target)
      steps.push(step.trimmed)
      more = step.more
    }
    expect(Math.max(...steps)).toBeLessThanOrEqual(2_000)
    expect(steps.length).toBeLessThan(1_000)
    expect(await redis.send(['XLEN', stream])).toBe(0)
  })

  test('several instances at once remove no more than one would', async () => {
    await fill(redis, stream, 20_000)
    await doneWith('group', 15_000)
    const instances = [1, 2, 3].map(() => new RedisRetention(redis))
    const results = await Promise.all(
      instances.map((one) => trimAll(one, { stream, policy: { maxLength: 7_000 } })),
    )
    expect(results.reduce((sum, { trimmed }) => sum + trimmed, 0)).toBe(13_000)
    expect(await redis.send(['XLEN', stream])).toBe(7_000)
  })
})

describe('the count', () => {
  const groupAt = async (count: number) => {
    await doneWith('slow', count)
    await doneWith('fast', 900)
  }
  test.each<[string, RetentionPolicy, string | undefined, () => Promise<unknown>]>([
    ['of a length', { maxLength: 100 }, undefined, async () => {}],
    ['of a length that a group is in the way of', { maxLength: 100 }, undefined, () => groupAt(457)],
    ['of a length that is not reached', { maxLength: 2_000 }, undefined, () => groupAt(457)],
    ['of an age', { maxAgeMs: 1 }, undefined, async () => {}],
    ['of what is processed', { processed: true }, undefined, () => groupAt(300)],
    ['of a position', {}, '400-0', () => groupAt(600)],
    ['of a position beyond what a group needs', {}, '700-0', () => groupAt(600)],
    ['of a hold', { maxLength: 0 }, undefined, () => holds.set(stream, 'mine', '51-0')],
    ['of a hard cap', { hardMaxLength: 100 }, undefined, () => groupAt(457)],
    ['of a length and a hard cap', { maxLength: 50, hardMaxLength: 100 }, undefined, () => groupAt(920)],
    ['of nothing', {}, undefined, async () => {}],
  ])('%s is what trimming does, and changes nothing', async (_, policy, before, prepare) => {
    await fill(redis, stream, 1_000)
    await prepare()
    const target = { ...targetOf({ stream, policy }), ...(before !== undefined && { before }) }
    const count = await retention.count(target)
    expect(await redis.send(['XLEN', stream])).toBe(1_000)
    const done = { trimmed: 0, capped: 0, complete: true }
    for (let more = true; more;) {
      const step = await retention.trim(target)
      done.trimmed += step.trimmed
      done.capped += step.capped
      more = step.more
    }
    expect(count).toEqual(done)
  })

  test('of a stream that is not there is nothing', async () => {
    const none = { trimmed: 0, capped: 0, complete: true }
    expect(await retention.count(targetOf({ stream, policy: { maxLength: 1 } }))).toEqual(none)
  })
})

describe('a declared group that does not exist yet', () => {
  test('gets everything when it arrives', async () => {
    await fill(redis, stream, 300)
    await doneWith('other', 300)
    const policy = { processed: true, maxLength: 1, maxAgeMs: 1 } as const
    expect(await trim(policy, [{ name: 'late' }])).toMatchObject({ trimmed: 0 })
    await createGroup('late')
    expect(await deliver(redis, stream, 'late', 1_000)).toEqual(range(1, 300))
    await acknowledge('late', range(1, 300))
    expect(await trim(policy, [{ name: 'late' }])).toMatchObject({ trimmed: 300 })
  })

  test.each([
    ['$', 1],
    ['70-0', 71],
    ['70-5', 71],
    ['0-0', 1],
  ])('that begins at %s', async (start, first) => {
    await fill(redis, stream, 100)
    await doneWith('other', 100)
    await trim({ maxLength: 0 }, [{ name: 'late', start }])
    expect(await idsOf(redis, stream)).toEqual(start === '$' ? [] : range(first, 100))
  })

  test('and was destroyed keeps what is above its low-water mark, where it begins again', async () => {
    await fill(redis, stream, 100)
    await doneWith('other', 100)
    await redis.send(['HSET', groupKeys(stream, 'healing').state, 'low', '40-0'])
    await trim({ maxLength: 0 }, [{ name: 'healing', start: '$' }])
    expect(await idsOf(redis, stream)).toEqual(range(41, 100))
  })

  test('needs everything of a stream that was written anew below its low-water mark', async () => {
    await fill(redis, stream, 10)
    await redis.send(['HSET', groupKeys(stream, 'healing').state, 'low', '40-0'])
    await trim({ maxLength: 0 }, [{ name: 'healing' }])
    expect(await idsOf(redis, stream)).toEqual(range(1, 10))
  })
})

describe('a hold', () => {
  test('keeps its position and what is above until it is moved, released or over', async () => {
    await fill(redis, stream, 100)
    await doneWith('group', 100)
    await holds.set(stream, 'backup', '31-0')
    await trim({ maxLength: 0 })
    expect(await idsOf(redis, stream)).toEqual(range(31, 100))
    await holds.move(stream, 'backup', '50-0', { ttlMs: 60_000 })
    await trim({ maxLength: 0 })
    expect(await idsOf(redis, stream)).toEqual(range(50, 100))
    await redis.send(['HSET', holdsKey(stream), 'backup', '50-0 1'])
    await trim({ maxLength: 0 })
    expect(await idsOf(redis, stream)).toEqual([])
    expect(await redis.send(['HLEN', holdsKey(stream)])).toBe(0)
  })

  test.each(['rubbish', '', '-'])('that reads %j keeps everything', async (value) => {
    await fill(redis, stream, 10)
    await redis.send(['HSET', holdsKey(stream), 'odd', value])
    expect(await trim({ maxLength: 0, maxAgeMs: 1 })).toMatchObject({ trimmed: 0 })
  })

  test('beyond all positions, with more digits than there are, does no harm', async () => {
    await fill(redis, stream, 10)
    await redis.send(['HSET', holdsKey(stream), 'odd', '99999999999999999999-99999999999999999999'])
    expect(await trim({ maxLength: 4 })).toMatchObject({ trimmed: 6 })
  })
})

describe('an entry that waits for days', () => {
  /** One parked entry at the front, and 3 more that are pending to a consumer in the middle. */
  async function park(): Promise<void> {
    await fill(redis, stream, 2_000)
    await createGroup('group')
    await deliver(redis, stream, 'group', 2_000)
    await acknowledge('group', [...range(2, 999), ...range(1_003, 2_000)])
    await redis.send(['XCLAIM', stream, 'group', RETRY_CONSUMER, '0', '1-0', 'JUSTID'])
    await fill(redis, stream, 100, 100_000)
  }

  test('does not hold what came after it', async () => {
    await park()
    expect(await trim({ processed: true })).toMatchObject({ trimmed: 0 })
    retention = new RedisRetention(redis, { aroundAfterMs: 1_000 })
    expect(await trim({ processed: true })).toMatchObject({ trimmed: 1_996, capped: 0 })
    expect(await idsOf(redis, stream)).toEqual(['1-0', ...range(1_000, 1_002), ...range(100_000, 100_099)])
  })

  test('nor more than goes beyond the length', async () => {
    await park()
    retention = new RedisRetention(redis, { aroundAfterMs: 0 })
    expect(await trim({ maxLength: 1_600 })).toMatchObject({ trimmed: 500 })
    expect(await idsOf(redis, stream)).toEqual(['1-0', ...range(502, 2_000), ...range(100_000, 100_099)])
  })

  test('leaves what another group, a hold or a declared group needs', async () => {
    await park()
    await redis.send(['XGROUP', 'CREATE', stream, 'other', '600-0'])
    await holds.set(stream, 'tail', '500-0')
    retention = new RedisRetention(redis, { aroundAfterMs: 0 })
    await trim({ processed: true }, [{ name: 'late', start: '400-0' }])
    expect(await idsOf(redis, stream)).toEqual(['1-0', ...range(401, 2_000), ...range(100_000, 100_099)])
  })

  test('and was trimmed by others does not hold the rest for ever', async () => {
    await park()
    await redis.send(['XTRIM', stream, 'MINID', '500'])
    retention = new RedisRetention(redis, { aroundAfterMs: 0 })
    await trim({ processed: true })
    expect(await idsOf(redis, stream)).toEqual([...range(1_000, 1_002), ...range(100_000, 100_099)])
  })

  test('among thousands that are pending and gone, others are still told apart', async () => {
    await fill(redis, stream, 3_000)
    await createGroup('group')
    await deliver(redis, stream, 'group', 3_000)
    await redis.send(['XDEL', stream, ...range(2, 2_500)])
    await acknowledge('group', ['2700-0'])
    await fill(redis, stream, 1, 100_000)
    retention = new RedisRetention(redis, { aroundAfterMs: 0 })
    expect(await trim({ processed: true })).toMatchObject({ trimmed: 1 })
    expect(await idsOf(redis, stream)).toEqual([
      '1-0',
      ...range(2_501, 2_699),
      ...range(2_701, 3_000),
      '100000-0',
    ])
  })
})
