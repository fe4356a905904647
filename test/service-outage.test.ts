import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { handle } from '../src/app/app.ts'
import { stream } from '../src/core/stream.ts'
import { RunningService } from './support/running-service.ts'
import { until } from './support/until.ts'
import { usePostgres } from './support/use-postgres.ts'
import { useProxy } from './support/use-proxy.ts'
import { useRedis } from './support/use-redis.ts'

const { server: redis, admin } = useRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
const postgres = usePostgres()
const proxy = useProxy(postgres)
let number = 0
const newStream = () => `outage:${++number}`

/** A machine that is busy with other tests is no overload of the service. */
const PATIENT = { MAX_EVENT_LOOP_DELAY_MS: '0' }

const start = async (app = {}, more: NodeJS.ProcessEnv = {}) => {
  const env = { REDIS_URL: redis.url, DATABASE_URL: postgres.url, ...PATIENT, ...more }
  running = await RunningService.start(app, env)
}

let running: RunningService
afterEach(() => running.stop())

const isReady = () => until('ready', async () => (await running.readiness()) === 'ready')
const isNotReady = (reason: string) => until(reason, async () => (await running.readiness()) === reason)
const circuit = async () => {
  const { body } = await running.get<{ checks: { redis: { circuit: string } } }>('/health')
  return body.checks.redis.circuit
}

describe('while Redis is away', () => {
  it('the service is not ready, refuses at once, and is back by itself; nothing that it accepted is lost', async () => {
    const work = stream(newStream(), { made: z.number() })
    const handled = new Set<number>()
    const handlers = handle(work, { group: 'g' }, { made: ({ event }) => void handled.add(event.data) })
    await start({ streams: [work], handlers: [handlers] })
    const accepted: number[] = []
    const refused: unknown[] = []
    const publish = async (n: number) => {
      const { status, headers, body } = await running.publish(work.name, 'made', n)
      if (status === 201) accepted.push(n)
      else refused.push([status, headers.get('retry-after') ?? body['code']])
      return body
    }
    for (let n = 0; n < 20; n++) await publish(n)
    await redis.kill('SIGKILL')
    await isNotReady('Redis does not answer')
    await until('the circuit to open', async () => (await circuit()) === 'open')
    const since = performance.now()
    expect((await publish(100))['code']).toBe('CIRCUIT_OPEN')
    console.log(`refused within ${Math.round(performance.now() - since)} ms`)
    expect((await running.get('/health/live').catch(() => ({ status: 200 }))).status).toBe(200)
    await redis.restart()
    const back = performance.now()
    await isReady()
    console.log(`ready ${Math.round(performance.now() - back)} ms after Redis`)
    expect(await circuit()).toBe('closed')
    await publish(200)
    expect(accepted).toContain(200)
    await until('all that was accepted', () => accepted.every((n) => handled.has(n)))
    expect(handled.has(100)).toBe(false)
    expect(refused).toEqual([[503, '5']])
  })

  it('health answers at once, also while Redis hangs', async () => {
    await start()
    await redis.kill('SIGSTOP')
    try {
      await isNotReady('Redis does not answer')
      const { status, body } = await running.get<{ status: string; checks: { redis: object } }>('/health')
      expect([status, body.status]).toEqual([503, 'unhealthy'])
      expect(body.checks.redis).toMatchObject({ status: 'unhealthy', error: expect.any(String) })
      await until('the circuit to open', async () => (await circuit()) === 'open', 30_000)
      expect((await running.publish(newStream(), 'x', 1)).body['code']).toBe('CIRCUIT_OPEN')
    } finally {
      await redis.kill('SIGCONT')
    }
    await isReady()
    const streamName = newStream()
    expect((await running.publish(streamName, 'after', 1)).status).toBe(201)
    await until('its row', async () => (await running.processed('after')).length === 1)
  })

  it('the process goes on however long it takes', async () => {
    await start({}, { MAX_RETRY_ATTEMPTS: '1', CIRCUIT_BREAKER_OPEN_MS: '100', LOG_LEVEL: 'debug' })
    await redis.kill('SIGKILL')
    await isNotReady('Redis does not answer')
    // Many tries of the circuit, and of the connections.
    const refusals = () => running.lines.filter((line) => line.includes('Redis connection')).length
    await until('many attempts', () => refusals() > 20)
    await redis.restart()
    await isReady()
    expect((await running.publish(newStream(), 'after', 1)).status).toBe(201)
  })

  it('a restart of Redis between two requests goes by', async () => {
    await start()
    const streamName = newStream()
    expect((await running.publish(streamName, 'one', 1)).status).toBe(201)
    await redis.restart()
    await isReady()
    expect((await running.publish(streamName, 'two', 2)).status).toBe(201)
    await admin.whenReady(10_000)
    expect(await admin.send(['XLEN', streamName])).toBe(2)
  })
})

describe('while PostgreSQL is away', () => {
  it('events are taken all the same, and written down when it is back', async () => {
    await start()
    const streamName = newStream()
    await running.publish(streamName, 'first', 0)
    await until('its row', async () => (await running.processed('first')).length === 1)
    await postgres.kill('SIGKILL')
    expect((await running.publish(streamName, 'later', 1)).status).toBe(201)
    await until('degraded', async () => (await running.get('/health')).body['status'] === 'degraded')
    expect(await running.readiness()).toBe('ready')
    await until('503', async () => (await running.get('/api/events/processed')).status === 503)
    await postgres.restart()
    const rows = async () => (await running.processed('later')).length
    await until('the row of what came meanwhile', async () => (await rows()) === 1, 30_000)
    await until('healthy', async () => (await running.get('/health')).body['status'] === 'healthy', 30_000)
  })
})

it('while PostgreSQL hangs, what would ask it is refused at once', async () => {
  const url = new URL(postgres.url)
  url.port = String(proxy.port)
  await start({}, { DATABASE_URL: url.href })
  expect((await running.get('/api/events/stats')).status).toBe(200)
  proxy.swallow('down')
  const health = async () =>
    (await running.get<{ checks: { database: { status: string } } }>('/health')).body.checks.database.status
  await until('the database to be missed', async () => (await health()) !== 'healthy')
  const { status, body } = await running.get('/api/events/stats')
  expect([status, body['code'], body['detail']]).toEqual([
    503,
    'DATABASE_UNAVAILABLE',
    'PostgreSQL does not answer; try again soon',
  ])
})

it('streams that no app declares are followed up to a limit, and refused beyond it', async () => {
  await admin.send(['DEL', 'millrace:streams'])
  await start({}, { MAX_UNDECLARED_STREAMS: '2' })
  const [first, second, third] = [newStream(), newStream(), newStream()]
  for (const name of [first, second, first]) expect((await running.publish(name, 'a', 1)).status).toBe(201)
  const { status, body } = await running.publish(third, 'a', 1)
  expect([status, body['code']]).toEqual([409, 'TOO_MANY_STREAMS'])
  expect(body['detail']).toContain('raise MAX_UNDECLARED_STREAMS')
  expect(await admin.send(['EXISTS', third])).toBe(0)
  expect((await running.publish(second, 'a', 2)).status).toBe(201)
})
