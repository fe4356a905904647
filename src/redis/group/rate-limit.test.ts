import { describe, expect, test } from 'vitest'
import { acknowledge, positions, redisLab } from '../../../test/support/redis-lab.ts'
import { failureOf, until } from '../../../test/support/until.ts'
import { useProxy } from '../../../test/support/use-proxy.ts'
import { rateKey } from '../keys.ts'
import { RedisStreamLog } from '../redis-log.ts'
import { RateLimiter } from './rate-limit.ts'

const lab = redisLab()
const proxy = useProxy(lab.server)
const limiter = (count: number, perMs: number) =>
  new RateLimiter(lab.admin, lab.stream, 'group', { count, perMs })

describe('the rate of a group', () => {
  test('is shared by all members, and what is given back can be taken by another', async () => {
    const [one, other] = [limiter(10, 60_000), limiter(10, 60_000)]
    const grant = await one.take(8)
    expect(grant.count).toBe(8)
    expect((await other.take(8)).count).toBe(2)
    const none = await other.take(1)
    expect(none.count).toBe(0)
    expect(none.waitMs).toBeGreaterThan(50_000)
    expect(none.waitMs).toBeLessThanOrEqual(62_000)
    await grant.giveBack(3)
    expect((await other.take(8)).count).toBe(3)
  })

  test('forgets what is longer ago than its window, and its key with it', async () => {
    const one = limiter(2, 50)
    expect((await one.take(2)).count).toBe(2)
    await expect.poll(async () => (await one.take(5)).count).toBe(2)
    expect(await lab.send<number>('PTTL', rateKey(lab.stream, 'group', 50))).toBeGreaterThan(0)
  })

  test('survives a clock that went back, and what is no number of a part', async () => {
    const key = rateKey(lab.stream, 'group', 1_000)
    const future = Math.floor(((Date.now() + 3_600_000) * 1_000) / (1_000_000 / 32))
    await lab.send('HSET', key, String(future), '5')
    expect((await limiter(5, 1_000).take(5)).count).toBe(5)
  })

  test.each([
    [0, 1_000],
    [1.5, 1_000],
    [Number.NaN, 1_000],
    [1, 0],
    [1, Infinity],
  ])('of %d in %d ms is refused', async (count, perMs) => {
    const error = await failureOf(lab.join({ rateLimit: { count, perMs } }))
    expect(error).toMatchObject({ code: 'CONFIGURATION_INVALID' })
  })

  test('that can not be given back costs no claim', async () => {
    const log = await RedisStreamLog.open({ url: proxy.url('redis') })
    const perMs = 7_654_321
    const membership = { stream: lab.stream, group: 'group', consumer: 'proxied' }
    const member = await log.join({ ...membership, rateLimit: { count: 100, perMs } })
    try {
      const entries = await lab.append(2)
      const isGivenBack = (command: Buffer) =>
        command.includes(rateKey(lab.stream, 'group', perMs)) && !command.includes(`$7\r\n${perMs}`)
      const dropped = proxy.dropNextReply(isGivenBack)
      expect(positions(await lab.claim(member))).toEqual(entries)
      await dropped
      await until('the connection', () => log.ping())
    } finally {
      await member.leave()
      await log.close()
    }
  })

  test('used up, costs hardly a command while a claim waits', async () => {
    const consumer = await lab.join({ rateLimit: { count: 1, perMs: 60_000 } })
    await lab.append(3)
    await consumer.settle(acknowledge(await lab.claimCount(consumer, 1)))
    await lab.send('CONFIG', 'RESETSTAT')
    expect(await lab.claim(consumer, 10, 1_500)).toEqual([])
    const stats = await lab.send<string>('INFO', 'commandstats')
    expect(Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0)).toBeLessThan(6)
  })

  test('lets a member that waits for entries keep none of it from the others', async () => {
    const rateLimit = { count: 1, perMs: 60_000 }
    const [idle, busy] = [await lab.join({ rateLimit }), await lab.join({ rateLimit })]
    const waiting = lab.claim(idle, 10, 800)
    await lab.append(1)
    const claims = [...(await lab.claim(busy, 10, 800)), ...(await waiting)]
    expect(claims).toHaveLength(1)
  })
})
