import { describe, expect, test } from 'vitest'
import { Bus } from '../../src/bus/bus.ts'
import type { MillraceError } from '../../src/core/errors.ts'
import { startFaultProxy } from '../../src/testing/fault-proxy.ts'
import { hazardLab, Tally } from '../support/hazard-lab.ts'
import { failureOf, until } from '../support/until.ts'
import { GROUP } from '../support/worker-lab.ts'

const hazard = hazardLab(['--appendonly', 'yes', '--appendfsync', 'always'])
const { send, pending } = hazard

const BLOCK_MS = 2_000

describe('a half-open connection', () => {
  test('is noticed within the wait and two seconds, and what came meanwhile is run', async () => {
    const proxy = await startFaultProxy({ port: hazard.server.port })
    const behind = await hazard.open({ url: proxy.url('redis') })
    const tally = new Tally()
    await behind.start(tally.count, { deadAfterMs: 20_000 })
    const first = await hazard.lab.publish(1)
    await until('the first', () => tally.has(first))
    await until('the wait for the next', async () =>
      /flags=b .*cmd=xreadgroup/.test(await send<string>('CLIENT', 'LIST')),
    )
    proxy.swallow('both')
    const start = performance.now()
    proxy.pass()
    const second = await hazard.lab.publish(1)
    await until('the second', () => tally.has(second), 30_000)
    expect(performance.now() - start).toBeLessThan(1.5 * (BLOCK_MS + 2_000))
    await behind.workers[0]!.stop(1_000)
    await proxy.stop()
  })
})

describe('a Redis that was killed', () => {
  test('is consumed from again within two seconds of being ready', async () => {
    const tally = new Tally()
    const { lab, server } = hazard
    await lab.start(tally.count)
    const first = await lab.publish(1)
    await until('the first', async () => tally.has(first) && (await pending()) === 0)
    await server.kill('SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 3_000)) // so that the pauses between attempts have grown
    await server.restart()
    const start = performance.now()
    const second = await lab.publish(1)
    await until('the second', () => tally.has(second), 30_000)
    expect(performance.now() - start).toBeLessThan(3 * 2_000)
  })
})

describe('the watchdog', () => {
  test('sees that a loop stands while Redis is frozen for longer than it waits, and goes on after it', async () => {
    const tally = new Tally()
    const { lab, server } = hazard
    const worker = await lab.start(tally.count)
    await until('a round', () => worker.status.lastLoopAt > 0)
    await server.kill('SIGSTOP')
    const frozenAt = Date.now()
    await new Promise((resolve) => setTimeout(resolve, BLOCK_MS + 3_000)) // it is silence that is to be seen
    expect(worker.status.lastLoopAt).toBeLessThan(frozenAt + BLOCK_MS)
    await server.kill('SIGCONT')
    await until('a round', () => worker.status.lastLoopAt > frozenAt + BLOCK_MS + 3_000)
    const positions = await lab.publish(10)
    await until('all', () => tally.has(positions))
  })

  test('takes no loop for alive that comes round and is refused each time, though a PING is answered', async () => {
    const worker = await hazard.lab.start(() => {})
    await send('ACL', 'SETUSER', 'default', '-xreadgroup')
    try {
      const refused = () => send<string>('INFO', 'errorstats')
      await until('a refusal', async () => (await refused()).includes('NOPERM'))
      const { lastLoopAt } = worker.status
      await send('CONFIG', 'RESETSTAT')
      await until('another one', async () => (await refused()).includes('NOPERM'))
      expect(worker.status.lastLoopAt).toBe(lastLoopAt)
    } finally {
      await send('ACL', 'SETUSER', 'default', '+@all')
    }
    const since = worker.status.lastLoopAt
    await until('a round', () => worker.status.lastLoopAt > since)
  })
})

describe('200,000 publishes while Redis is away', () => {
  test('wait within bounds, and those beyond fail at once with a reason', async () => {
    const { server } = hazard
    const lab = await hazard.open({ offlineTimeoutMs: 3_000 })
    await server.kill('SIGKILL')
    await until('the silence', () => lab.log.lastPosition(lab.stream).then(isNever, isUnavailable))
    const before = process.memoryUsage().rss
    const entry = { fields: ['type', 't', 'data', '1'] }
    const calls = Array.from({ length: 200_000 }, () => lab.log.append(lab.stream, [entry]))
    const grown = process.memoryUsage().rss - before
    const results = (await Promise.all(calls)).flat() as MillraceError[]
    const count = (code: string) => results.filter((result) => result.code === code).length
    expect(count('PUBLISH_QUEUE_FULL')).toBe(100_000)
    expect(count('REDIS_UNAVAILABLE')).toBe(100_000)
    expect(results.at(-1)!.message).toContain('publish later')
    expect(grown).toBeLessThan(500_000_000)
    await server.restart()
  })

  const isNever = () => false
  const isUnavailable = (error: unknown) => (error as MillraceError).code === 'REDIS_UNAVAILABLE'
})

describe('entries of 20 MB', () => {
  test('are refused when they are published, and of those of others only few are read at once', async () => {
    const { lab } = hazard
    const megabytes = 'x'.repeat(20_000_000)
    const refused = await failureOf(
      new Bus(lab.log).publishUntyped(lab.stream, [{ type: 't', data: megabytes }]),
    )
    expect(refused.code).toBe('EVENT_TOO_LARGE')
    await send('XADD', lab.stream, '*', 'type', 't', 'data', '"small"')
    for (let n = 0; n < 6; n++) await send('XADD', lab.stream, '*', 'type', 't', 'data', `"${megabytes}"`)
    const sizes: number[] = []
    let most = 0
    const worker = await lab.start(
      ({ event }) => {
        sizes.push((event.data as string).length)
        most = Math.max(most, worker.status.held)
      },
      { concurrency: 1 },
    )
    await until('all', () => sizes.length === 7)
    expect(sizes.filter((size) => size === 20_000_000)).toHaveLength(6)
    expect(most).toBeLessThanOrEqual(3)
  })
})

describe('SIGTERM under load', () => {
  test('hands back at once what was read and not run, with no attempt spent', async () => {
    const child = hazard.child({ mode: 'slow' })
    await until('the child', () => child.lines.length > 0)
    const positions = await hazard.lab.publish(100)
    await until('its work', () => child.starts.length === 5)
    child.kill('SIGTERM')
    const tally = new Tally()
    // What is not handed back would come after this time alone.
    await hazard.lab.start(tally.count, { deadAfterMs: 60_000 })
    await until('all', () => tally.has(positions))
    expect(await child.ended).toBe(0)
    const started = new Set(child.starts.map(({ start }) => start))
    for (const [position, attempts] of tally.attempts)
      expect([position, attempts]).toEqual([position, [started.has(position) ? 2 : 1]])
    await until('the settlement', async () => (await pending()) === 0)
    expect(await send<unknown[]>('XPENDING', hazard.lab.stream, GROUP)).toEqual([0, null, null, null])
  })
})
