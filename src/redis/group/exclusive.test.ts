import { describe, expect, test } from 'vitest'
import { acknowledge, positions, redisLab } from '../../../test/support/redis-lab.ts'
import { failureOf, until } from '../../../test/support/until.ts'
import { useProxy } from '../../../test/support/use-proxy.ts'
import type { Claim } from '../../core/stream-log.ts'
import { groupKeys } from '../keys.ts'
import { RedisStreamLog } from '../redis-log.ts'

const lab = redisLab()
const proxy = useProxy(lab.server)
const DEAD_AFTER_MS = 600
const leaseKey = () => groupKeys(lab.stream, 'group').lease
const joinExclusive = (deadAfterMs = DEAD_AFTER_MS) => lab.join({ exclusive: true, deadAfterMs })

const someoneWaits = () =>
  until('a read that waits', async () =>
    /flags=b .*cmd=xread /.test(await lab.send<string>('CLIENT', 'LIST')),
  )

describe('the lease of an exclusive group', () => {
  test('is gone from a holder that still waits: what comes then is not taken by it', async () => {
    const former = await joinExclusive(60_000)
    await lab.append(1)
    await lab.claimCount(former, 1)
    const claiming = lab.claim(former, 10, 2_000)
    await someoneWaits()
    await lab.send('SET', leaseKey(), 'another')
    const [position] = await lab.append(1)
    expect(await claiming).toEqual([])
    const [row] = await lab.send<unknown[][]>('XINFO', 'GROUPS', lab.stream)
    expect(row![7]).not.toBe(position)
    expect(await former.heartbeat()).toHaveLength(1)
  })

  test('passes on within a second after a holder left or died', async () => {
    const holder = await joinExclusive(1_000)
    await lab.append(2)
    await lab.claimCount(holder, 1)
    const next = await joinExclusive(1_000)
    expect(await lab.claim(next)).toEqual([])
    const left = performance.now()
    await holder.leave()
    await lab.claimCount(next, 2)
    expect(performance.now() - left).toBeLessThan(3_000)
    const died = performance.now()
    await lab.claimCount(await joinExclusive(1_000), 2)
    expect(performance.now() - died).toBeLessThan(5_000)
  })

  test('is asked for now and then by who waits for it, however often that one claims', async () => {
    const holder = await joinExclusive(60_000)
    await lab.append(1)
    await lab.claimCount(holder, 1)
    const other = await joinExclusive(60_000)
    await lab.send('CONFIG', 'RESETSTAT')
    for (let n = 0; n < 200; n++) expect(await lab.claim(other, 10, 0)).toEqual([])
    const stats = await lab.send<string>('INFO', 'commandstats')
    expect(Number(/cmdstat_get:calls=(\d+)/.exec(stats)?.[1] ?? 0)).toBeLessThan(20)
  })

  test('that somebody deleted may have been another member’s meanwhile: its holder begins anew', async () => {
    const holder = await joinExclusive()
    const entries = await lab.append(2)
    await lab.claimCount(holder, 2)
    await lab.send('DEL', leaseKey())
    expect(await holder.heartbeat()).toEqual(entries)
    const again = await lab.claimCount(holder, 2)
    expect(again.map(({ origin, attempt }) => [origin, attempt])).toEqual([
      ['abandoned', 2],
      ['abandoned', 2],
    ])
  })

  test('lost by the clock and taken again neither hands out nor lets run before its holder was told what it lost', async () => {
    const holder = await joinExclusive()
    const entries = await lab.append(2)
    await lab.claimCount(holder, 2)
    await until('the end of the lease', () => !holder.mayRun)
    const early: Claim[] = []
    await until('the lease again', async () => {
      early.push(...(await lab.claim(holder)))
      return (await lab.send('GET', leaseKey())) !== null
    })
    expect([...early, ...(await lab.claim(holder))]).toEqual([])
    expect(holder.mayRun).toBe(false)
    expect(await holder.heartbeat()).toEqual(entries)
    expect(holder.mayRun).toBe(true)
    expect(positions(await lab.claimCount(holder, 2))).toEqual(entries)
    expect(await holder.heartbeat()).toEqual([])
  })

  test('keeps the order of what is handed out again with a group that was lost', async () => {
    const holder = await joinExclusive()
    const entries = await lab.append(3)
    const claims = await lab.claimCount(holder, 3)
    await lab.send('XGROUP', 'DESTROY', lab.stream, 'group')
    expect(await holder.settle(acknowledge(claims.slice(0, 1)))).toEqual(entries.slice(0, 1))
    expect(holder.mayRun).toBe(false)
    expect(await lab.claim(holder)).toEqual([])
    expect(await holder.heartbeat()).toEqual(entries.slice(1))
    expect(positions(await lab.claimCount(holder, 3))).toEqual(entries)
    expect(holder.mayRun).toBe(true)
  })

  test('reads nothing new before what a lost reply left behind, and loses nothing of it', async () => {
    const log = await RedisStreamLog.open({ url: proxy.url('redis') })
    const { stream } = lab
    const membership = { stream, group: 'group', consumer: 'proxied', exclusive: true, deadAfterMs: 60_000 }
    const holder = await log.join(membership)
    try {
      const [taken] = await lab.append(1)
      await lab.claimCount(holder, 1)
      await lab.send('XCLAIM', stream, 'group', 'others', '0', taken!)
      const [stranded] = await lab.append(1)
      // How many are wanted is the last that the script gets which reads.
      const dropped = proxy.dropNextReply((command) => String(command).endsWith('$2\r\n77\r\n'))
      await failureOf(lab.claim(holder, 77))
      await dropped
      await lab.append(1)
      await until('the connection', () => log.ping())
      expect(await lab.claim(holder)).toEqual([])
      expect(holder.mayRun).toBe(true)
      expect(await holder.heartbeat()).toEqual([taken])
      const [first] = await lab.claimCount(holder, 1)
      expect(first).toMatchObject({ position: stranded, attempt: 2, origin: 'abandoned' })
      expect(await holder.begin([first!])).toEqual([])
    } finally {
      await holder.leave()
      await log.close()
    }
  })

  test('reads nothing new before all that a lost reply left behind, however much, and refused again and again', async () => {
    const log = await RedisStreamLog.open({ url: proxy.url('redis') })
    const membership = { stream: lab.stream, group: 'group', consumer: 'proxied', exclusive: true }
    const holder = await log.join(membership)
    try {
      await lab.claim(holder)
      const stranded = await lab.append(240)
      const dropped = proxy.dropNextReply((command) => String(command).endsWith('$3\r\n240\r\n'))
      await failureOf(lab.claim(holder, 240))
      await dropped
      const entries = [...stranded, ...(await lab.append(1))]
      await until('the connection', () => log.ping())
      await lab.send('ACL', 'SETUSER', 'default', '-xclaim')
      for (let n = 0; n < 3; n++) await failureOf(lab.claim(holder))
      await lab.send('ACL', 'SETUSER', 'default', '+xclaim')
      expect(positions(await lab.claimCount(holder, 241))).toEqual(entries)
    } finally {
      await holder.leave()
      await log.close()
    }
  })

  test('lost while a retry was being parked, tells it as lost, so that it is not parked later', async () => {
    const log = await RedisStreamLog.open({ url: proxy.url('redis') })
    const membership = { stream: lab.stream, group: 'group', consumer: 'proxied', exclusive: true }
    const holder = await log.join({ ...membership, deadAfterMs: DEAD_AFTER_MS })
    try {
      const [position] = (await lab.append(1)) as [string]
      await lab.claimCount(holder, 1)
      proxy.swallow('both')
      const parking = failureOf(holder.settle([{ kind: 'retry', position, attempts: 1, delayMs: 0 }]))
      await until('the end of the lease', () => !holder.mayRun)
      proxy.pass()
      proxy.cut()
      expect((await parking).code).toBe('REDIS_UNCERTAIN')
      expect(await until('a heartbeat', () => holder.heartbeat().catch(() => undefined))).toEqual([position])
      const again = await until('what it lost', async () => (await lab.claim(holder))[0])
      expect(again).toMatchObject({ position, attempt: 2 })
    } finally {
      await holder.leave()
      await log.close()
    }
  })

  test('is left for good: a heartbeat under way says no more that its former holder lives', async () => {
    const holder = await joinExclusive()
    await lab.append(1)
    await holder.settle(acknowledge(await lab.claimCount(holder, 1)))
    await Promise.all([holder.heartbeat(), holder.leave()])
    expect(await lab.send('EXISTS', groupKeys(lab.stream, 'group').heartbeats)).toBe(0)
  })

  test('gives back with no start what is in hand, and what is held without it as abandoned', async () => {
    const holder = await joinExclusive(60_000)
    await lab.append(1)
    const [{ position }] = (await lab.claimCount(holder, 1)) as [Claim]
    await holder.settle([{ kind: 'retry', position, attempts: 3, delayMs: 0 }])
    expect(await lab.claimCount(holder, 1)).toMatchObject([{ attempt: 4 }])
    await holder.leave()
    const next = await joinExclusive(60_000)
    expect(await lab.claimCount(next, 1)).toMatchObject([{ attempt: 4, origin: 'parked' }])
    expect(await lab.claimCount(next, 1)).toMatchObject([{ attempt: 4, origin: 'retry' }])
    await lab.send('DEL', leaseKey())
    await next.leave()
    expect(await lab.claimCount(await joinExclusive(), 1)).toMatchObject([{ attempt: 4 }])
  })

  test('stays with a holder that works and does not claim', async () => {
    // Longer than a busy machine may leave this process without its turn.
    const deadAfterMs = 2_000
    const holder = await joinExclusive(deadAfterMs)
    lab.keepAlive(holder, deadAfterMs / 10)
    await lab.append(1)
    const claims = await lab.claimCount(holder, 1)
    const other = await joinExclusive(deadAfterMs)
    const end = performance.now() + 2 * deadAfterMs
    while (performance.now() < end) expect(await lab.claim(other)).toEqual([])
    expect(await holder.settle(acknowledge(claims))).toEqual([])
  })

  test('gone by the clock, lets nothing begin that was handed out again', async () => {
    const holder = await joinExclusive()
    await lab.append(1)
    const claims = (await lab.claimCount(holder, 1)).map((claim): Claim => ({ ...claim, origin: 'retry' }))
    expect(await holder.begin(claims)).toEqual([])
    const start = performance.now()
    await until('the end of the lease', () => performance.now() - start > DEAD_AFTER_MS + 20)
    expect(await holder.begin(claims)).toEqual(positions(claims))
  })

  test('is respected by those who ask for it, also where others read without', async () => {
    const free = await lab.join()
    const holder = await joinExclusive(60_000)
    await lab.append(1)
    await lab.claimCount(holder, 1)
    const entries = await lab.append(1)
    expect(positions(await lab.claimCount(free, 1))).toEqual(entries)
  })

  test('brings nothing while the group is paused, not even what is pending', async () => {
    const dead = await joinExclusive(300)
    const entries = await lab.append(3)
    await lab.claimCount(dead, 3)
    await lab.send('HSET', groupKeys(lab.stream, 'group').state, 'paused', '1')
    const heir = await joinExclusive(300)
    const end = performance.now() + 1_000
    while (performance.now() < end) expect(await lab.claim(heir)).toEqual([])
    await lab.send('HDEL', groupKeys(lab.stream, 'group').state, 'paused')
    expect(positions(await lab.claimCount(heir, 3))).toEqual(entries)
  })
})
