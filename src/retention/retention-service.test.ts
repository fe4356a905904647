import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { failureOf, until } from '../../test/support/until.ts'
import { useProxy } from '../../test/support/use-proxy.ts'
import { useRedis } from '../../test/support/use-redis.ts'
import { useEach } from '../../test/support/use.ts'
import { resolveRetention } from '../core/retention-policy.ts'
import type { AbandonedGroup, Retention } from '../core/retention.ts'
import type { Log } from '../core/service.ts'
import { openConnection } from '../redis/connections/servers.ts'
import { fill, targetOf } from '../redis/retention/retention-lab.ts'
import { RedisRetention, retentionKey } from '../redis/retention/retention.ts'
import { RetentionService, type RetentionServiceOptions } from './retention-service.ts'

const HOUR_MS = 3_600_000

const { server, admin: redis } = useRedis()
const proxy = useProxy(server)
const throughProxy = useEach(
  () => openConnection({ url: proxy.url('redis'), commandTimeoutMs: 300 }, 'test-retention'),
  (connection) => connection.close(),
)
let services: RetentionService[]
let stream: string
let streams = 0

beforeEach(() => {
  stream = `service:${streams++}`
  services = []
})
afterEach(() => Promise.all(services.map((service) => service.stop(1_000))))

async function run(options: RetentionServiceOptions, retention: Retention = new RedisRetention(redis)) {
  const service = new RetentionService(retention, options)
  services.push(service)
  await service.start()
  return service
}
const keep = (maxLength: number, name = stream) => resolveRetention({ stream: name, policy: { maxLength } })
const length = (name = stream) => redis.send<number>(['XLEN', name])

/** A log that remembers its lines. */
class Lines implements Log {
  readonly lines: string[] = []
  debug = (_: object, line: string) => void this.lines.push(line)
  info = this.debug
  warn = this.debug
  error = this.debug
}

describe('the service', () => {
  test('works a backlog off in one go, however long its interval', async () => {
    await fill(redis, stream, 30_000)
    const service = await run({ targets: [keep(7)], intervalMs: HOUR_MS })
    await until('the backlog to go', async () => (await length()) === 7)
    await until('the round to end', () => service.status[0]!.ranAt)
    expect(service.status[0]).toMatchObject({
      stream,
      trimmed: 29_993,
      capped: 0,
      state: { length: 7, first: '29994-0' },
    })
  })

  test('looks again by and by', async () => {
    await run({ targets: [keep(7)], intervalMs: 10 })
    for (const from of [1, 1_001, 2_001]) {
      await fill(redis, stream, 1_000, from)
      await until('the stream to be trimmed', async () => (await length()) === 7)
    }
    expect(await redis.send(['XRANGE', stream, '-', '+', 'COUNT', '1'])).toEqual([
      ['2994-0', ['number', '2994']],
    ])
  })

  test('lets streams come and go while it runs', async () => {
    const others = [`${stream}:a`, `${stream}:b`] as const
    for (const name of [stream, ...others]) await fill(redis, name, 100)
    const service = await run({ targets: [keep(7)], intervalMs: 10 })
    service.add(keep(8, others[0]))
    await until('both', async () => (await length()) === 7 && (await length(others[0])) === 8)
    service.remove(stream)
    service.add(keep(5, others[0]))
    await fill(redis, stream, 100, 1_000)
    await until('the new policy', async () => (await length(others[0])) === 5)
    expect(await length()).toBe(107)
    expect(await length(others[1])).toBe(100)
    expect(service.status.map(({ stream }) => stream)).toEqual([others[0]])
  })

  test('in several instances does no harm', async () => {
    await fill(redis, stream, 30_000)
    const options = { targets: [keep(11)], intervalMs: 5 }
    const all = await Promise.all([1, 2, 3].map(() => run(options, new RedisRetention(redis))))
    await until('all to be done', () => all.every(({ status }) => status[0]?.state?.length === 11))
    expect(await length()).toBe(11)
  })

  test('leaves other streams alone with the fault of one', async () => {
    const bad = `${stream}:text`
    await redis.send(['SET', bad, 'text'])
    await fill(redis, stream, 100)
    const log = new Lines()
    const service = await run({ targets: [keep(1, bad), keep(7)], intervalMs: 5, log })
    await until('the other one', async () => (await length()) === 7)
    expect(service.status[0]!.error!.message).toMatch(/WRONGTYPE/)
    await redis.send(['DEL', bad])
    await until('the bad one', () => !service.status[0]!.error && service.status[0]!.state)
    expect(log.lines.filter((line) => line.includes('tried again'))).toHaveLength(1)
    expect(log.lines).toContain('retention works again')
  })

  test('survives a Redis that is cut off, mute, and back', async () => {
    const service = await run({ targets: [keep(7)], intervalMs: 10 }, new RedisRetention(throughProxy))
    await until('a first round', () => service.status[0]!.state)
    proxy.cut()
    proxy.swallow('both')
    await until('a fault', () => service.status[0]!.error)
    await fill(redis, stream, 1_000)
    proxy.pass()
    proxy.cut()
    await until('the trimming', async () => (await length()) === 7)
    await until('no fault', () => !service.status[0]!.error)
    expect(service.status[0]!.state).toMatchObject({ length: 7 })
  })

  test('stops at once between rounds, and twice', async () => {
    const service = await run({ targets: [keep(7)], intervalMs: HOUR_MS })
    await until('a first round', () => service.status[0]!.state)
    const begun = performance.now()
    await Promise.all([service.stop(60_000), service.stop(60_000)])
    expect(performance.now() - begun).toBeLessThan(10_000)
  })

  test('stops within its deadline though Redis does not answer', async () => {
    const mute = await openConnection({ url: proxy.url('redis'), commandTimeoutMs: 60_000 }, 'test-mute')
    proxy.swallow('both')
    const service = await run({ targets: [keep(7)] }, new RedisRetention(mute))
    const begun = performance.now()
    await service.stop(50)
    expect(performance.now() - begun).toBeLessThan(10_000)
    await mute.close()
  })

  test('stops in the middle of a backlog, between two steps', async () => {
    await fill(redis, stream, 200_000)
    const service = await run({ targets: [keep(1)] })
    await until('the beginning', async () => (await length()) < 200_000)
    await service.stop(10_000)
    const left = await length()
    expect(left).toBeGreaterThan(1)
    await redis.send(['PING'])
    expect(await length()).toBe(left)
  })

  test.each([0, -1, Number.NaN, Infinity])('refuses an interval of %s', async (intervalMs) => {
    const failure = await failureOf(() => new RetentionService(new RedisRetention(redis), { intervalMs }))
    expect(failure.code).toBe('CONFIGURATION_INVALID')
  })
})

describe('an abandoned group', () => {
  async function abandon(): Promise<void> {
    await fill(redis, stream, 10)
    await redis.send(['XGROUP', 'CREATE', stream, 'gone', '0'])
    const alive = `${Date.now() - 61_000} ${Date.now()} 0-0:0`
    await redis.send(['HSET', retentionKey(stream), 'alive gone', alive])
  }
  const watch = async (abandonedAction: 'alarm' | 'expire') => {
    const told: AbandonedGroup[] = []
    const log = new Lines()
    const policy = { maxLength: 1, abandonedAfterMs: 60_000, abandonedAction } as const
    const service = await run({
      targets: [targetOf({ stream, policy })],
      intervalMs: 5,
      log,
      onAbandoned: (_, group) => void told.push(group),
    })
    return { told, log, service }
  }

  test('is told of once, and stays in the status', async () => {
    await abandon()
    const { told, log, service } = await watch('alarm')
    await until('the alarm', () => told.length > 0)
    const before = service.status[0]!.ranAt!
    await until('further rounds', () => service.status[0]!.ranAt! > before + 20)
    expect(told).toMatchObject([{ group: 'gone', expired: false }])
    expect(log.lines).toEqual(['the group "gone" is abandoned and keeps its entries'])
    expect(service.status[0]!.state!.abandoned).toMatchObject([{ group: 'gone' }])
    expect(await length()).toBe(10)
  })

  test('expires, is told of, and lets its entries go', async () => {
    await abandon()
    const { told, log } = await watch('expire')
    await until('the entries to go', async () => (await length()) === 1)
    expect(told).toMatchObject([{ group: 'gone', expired: true }])
    expect(log.lines).toEqual(['the group "gone" was abandoned and is destroyed'])
  })
})
