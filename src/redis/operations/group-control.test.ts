import { describe, expect, test } from 'vitest'
import { positions, redisLab } from '../../../test/support/redis-lab.ts'
import { until } from '../../../test/support/until.ts'
import { RedisGroupControl } from './group-control.ts'
import { groupKeys } from '../keys.ts'

const lab = redisLab()
const control = () => new RedisGroupControl(lab.admin)

describe('RedisGroupControl', () => {
  test('says whether a group is paused, since when, and whether a call changed that', async () => {
    await lab.join()
    const before = Date.now()
    expect(await control().isPaused(lab.stream, 'group')).toBe(false)
    expect(await control().pause(lab.stream, 'group')).toBe(true)
    const since = await control().pausedSince(lab.stream, 'group')
    expect(since).toBeGreaterThanOrEqual(before - 2)
    expect(await control().pause(lab.stream, 'group')).toBe(false)
    expect(await control().pausedSince(lab.stream, 'group')).toBe(since)
    expect(await control().resume(lab.stream, 'group')).toBe(true)
    expect(await control().resume(lab.stream, 'group')).toBe(false)
    expect(await control().isPaused(lab.stream, 'group')).toBe(false)
  })

  test('knows groups by their names only', async () => {
    await lab.join()
    for (const [stream, group] of [
      [lab.stream, 'grop'],
      [`${lab.stream}x`, 'group'],
    ] as const)
      for (const change of ['pause', 'resume'] as const)
        await expect(control()[change](stream, group)).rejects.toMatchObject({ code: 'UNKNOWN_GROUP' })
    await expect(control().pause(lab.stream, '')).rejects.toMatchObject({ code: 'NAME_INVALID' })
    await expect(control().resume('', 'group')).rejects.toMatchObject({ code: 'NAME_INVALID' })
    expect((await lab.keys()).filter((key) => key.includes('grop'))).toEqual([])
  })

  test('pauses a group that was deleted and has not healed yet', async () => {
    const consumer = await lab.join()
    await lab.send('XGROUP', 'DESTROY', lab.stream, 'group')
    expect(await control().pause(lab.stream, 'group')).toBe(true)
    await lab.append(1)
    const end = performance.now() + 1_500
    while (performance.now() < end) expect(await lab.claim(consumer)).toEqual([])
    await control().resume(lab.stream, 'group')
    expect(await lab.claimCount(consumer, 1)).toHaveLength(1)
  })

  test('a paused member goes on being alive, and asks no more than now and then', async () => {
    const consumer = await lab.join({ deadAfterMs: 3_000 })
    await control().pause(lab.stream, 'group')
    await until('the pause to be noticed', async () => {
      await lab.append(1)
      return (await lab.claim(consumer, 1, 10)).length === 0
    })
    const { heartbeats } = groupKeys(lab.stream, 'group')
    const before = Number(await lab.send<string>('ZSCORE', heartbeats, 'consumer-0'))
    await lab.send('CONFIG', 'RESETSTAT')
    const claiming = lab.claim(consumer, 10, 1_500)
    expect(await claiming).toEqual([])
    expect(await lab.claim(consumer, 10, 10)).toEqual([])
    const stats = await lab.send<string>('INFO', 'commandstats')
    expect(Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0)).toBeLessThan(10)
    expect(Number(await lab.send<string>('ZSCORE', heartbeats, 'consumer-0'))).toBeGreaterThan(before)
  })

  test('a pause holds for limited and exclusive groups as well', async () => {
    const consumer = await lab.join({ exclusive: true, rateLimit: { count: 10, perMs: 1_000 } })
    await control().pause(lab.stream, 'group')
    await until('the pause to be noticed', async () => {
      await lab.append(1)
      return (await lab.claim(consumer, 1, 10)).length === 0
    })
    expect(await lab.claim(consumer, 10, 1_000)).toEqual([])
    await control().resume(lab.stream, 'group')
    expect(positions(await lab.claimCount(consumer, 1))).toHaveLength(1)
  })
})
