import { beforeEach, describe, expect, it } from 'vitest'
import { failureOf } from '../../../test/support/until.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import { resolveRetention } from '../../core/retention-policy.ts'
import { deadLetterKey } from '../keys.ts'
import { deliver, fill } from '../retention/retention-lab.ts'
import { RedisRetention } from '../retention/retention.ts'
import { RedisStreamInfos } from './stream-info.ts'

const { admin: redis } = useRedis()
const infos = new RedisStreamInfos(redis)
let stream: string
let streams = 0

beforeEach(() => {
  stream = `info:{${streams++}}`
})

describe('what is told of a stream', () => {
  it('is nothing where there is none, and an error where there is something else', async () => {
    expect(await infos.info(stream)).toBeUndefined()
    await redis.send(['SET', stream, 'text'])
    expect((await failureOf(infos.info(stream))).code).toBe('UNKNOWN_STREAM')
  })

  it('has its ends, its groups and their consumers', async () => {
    await fill(redis, stream, 10)
    await redis.send(['XGROUP', 'CREATE', stream, 'one', '0'])
    await redis.send(['XGROUP', 'CREATE', stream, 'späte {2}', '$'])
    await deliver(redis, stream, 'one', 4)
    await redis.send(['XDEL', stream, '3-0'])
    const info = (await infos.info(stream))!
    expect(info).toMatchObject({
      length: 9,
      lastGenerated: '10-0',
      maxDeleted: '3-0',
      first: '1-0',
      last: '10-0',
      groupCount: 2,
      deadLetters: 0,
    })
    expect(info.radixTreeKeys).toBeGreaterThan(0)
    expect(info.radixTreeNodes).toBeGreaterThan(0)
    const [one, late] = info.groups
    expect(one).toMatchObject({
      group: 'one',
      consumerCount: 1,
      pending: 4,
      lastDelivered: '4-0',
      entriesRead: 4,
    })
    expect(one!.consumers).toMatchObject([{ pending: 4, idleMs: expect.any(Number) }])
    expect(late).toMatchObject({ group: 'späte {2}', consumerCount: 0, pending: 0, consumers: [] })
  })

  it('leaves out what the server does not know, and the ends of an empty stream', async () => {
    await fill(redis, stream, 10)
    await redis.send(['XGROUP', 'CREATE', stream, 'group', '5-0'])
    await redis.send(['XTRIM', stream, 'MAXLEN', '0'])
    const info = (await infos.info(stream))!
    expect(Object.keys(info)).not.toContain('first')
    expect(info.groups[0]).not.toHaveProperty('entriesRead')
  })

  it('counts dead letters, and what retention dropped unread, by group', async () => {
    await redis.send(['XADD', deadLetterKey(stream), '*', 'a', 'b'])
    await fill(redis, stream, 100)
    await redis.send(['XGROUP', 'CREATE', stream, 'group of all', '0'])
    const target = resolveRetention({ stream, policy: { hardMaxLength: 40 } })
    const retention = new RedisRetention(redis)
    while ((await retention.trim(target)).more);
    const info = (await infos.info(stream))!
    expect(info.deadLetters).toBe(1)
    expect(info.trimmedUnread).toEqual(new Map([['group of all', 100 - info.length]]))
  })

  it('is had although a companion is no such key', async () => {
    await fill(redis, stream, 1)
    await redis.send(['SET', deadLetterKey(stream), 'text'])
    expect(await infos.info(stream)).toMatchObject({ length: 1, deadLetters: 0 })
  })

  it('is bounded: 100 groups, and no consumers where they are many', async () => {
    await fill(redis, stream, 1)
    for (let number = 0; number < 120; number++)
      await redis.send(['XGROUP', 'CREATE', stream, `g${number}`, '0'])
    for (let number = 0; number < 201; number++)
      await redis.send(['XGROUP', 'CREATECONSUMER', stream, 'g0', `c${number}`])
    const { groupCount, groups } = (await infos.info(stream))!
    expect([groupCount, groups.length]).toEqual([120, 100])
    const crowded = groups.find(({ group }) => group === 'g0')!
    expect([crowded.consumerCount, crowded.consumers]).toEqual([201, []])
  })

  it('names the consumers of so many groups as make a thousand together', async () => {
    const make = `for g = 1, 10 do
      redis.call('XGROUP', 'CREATE', KEYS[1], 'g' .. g, '0', 'MKSTREAM')
      for c = 1, 150 do redis.call('XGROUP', 'CREATECONSUMER', KEYS[1], 'g' .. g, 'c' .. c) end
    end`
    await redis.send(['EVAL', make, '1', stream])
    const { groups } = (await infos.info(stream))!
    expect(groups.map(({ consumerCount }) => consumerCount)).toEqual(Array.from({ length: 10 }, () => 150))
    expect(groups.filter(({ consumers }) => consumers.length === 150)).toHaveLength(6)
  })
})
