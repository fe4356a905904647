import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineApp, handle, type App } from '../src/app/app.ts'
import { MillraceService } from '../src/cli/service/service.ts'
import { loadConfig } from '../src/config/config.ts'
import { Reject } from '../src/core/delivery.ts'
import { stream } from '../src/core/stream.ts'
import { startTestPostgres, startTestRedis, type TestServer } from '../src/engines/test-servers.ts'
import type { ProcessedEvent } from '../src/core/processed-events.ts'
import { createLogger } from '../src/telemetry/logger.ts'
import { ServiceProcess } from './support/service-process.ts'

let redis: TestServer
let postgres: TestServer
let env: NodeJS.ProcessEnv
let number = 0

beforeAll(async () => {
  ;[redis, postgres] = await Promise.all([
    startTestRedis({ args: ['--appendonly', 'yes'] }),
    startTestPostgres(),
  ])
  env = { REDIS_URL: redis.url, DATABASE_URL: postgres.url, SERVICE_PORT: '0' }
})
afterAll(async () => {
  await Promise.all([redis?.stop(), postgres?.stop()])
})

const newStream = () => `service:${++number}`

/** A service in this process, and a client of its API. */
class Running {
  readonly service: MillraceService

  private constructor(service: MillraceService) {
    this.service = service
  }

  static async start(app: Partial<App> = {}, more: NodeJS.ProcessEnv = {}): Promise<Running> {
    const config = loadConfig({ ...env, ...more }, { cwd: '/nowhere', version: '9.9.9' })
    const destination = { write: () => {} }
    const logger = createLogger({ ...config.log, service: 'test', environment: 'development', destination })
    const service = new MillraceService({
      config,
      app: defineApp(app),
      logger,
      engineFolder: '/nowhere',
      env: {},
    })
    await service.start()
    return new Running(service)
  }

  async get<T = Record<string, unknown>>(path: string): Promise<{ status: number; body: T }> {
    const response = await fetch(this.service.url + path)
    return { status: response.status, body: (await response.json()) as T }
  }

  async post(path: string, body: unknown): Promise<{ status: number; body: Record<string, unknown> }> {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(this.service.url + path, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }

  async processed(type: string): Promise<ProcessedEvent[]> {
    const { body } = await this.get<{ events: ProcessedEvent[] }>(
      `/api/events/processed?eventType=${type}&limit=100`,
    )
    return body.events
  }
}

let running: Running | undefined
afterEach(async () => {
  await running?.service.stop(5_000)
  running = undefined
})

describe('the service', () => {
  it('takes events over HTTP, and shows each once in the audit trail', async () => {
    running = await Running.start()
    const streamName = newStream()
    const one = await running.post('/api/events/custom', {
      streamName,
      eventType: 'one',
      payload: { a: 1 },
      key: 'k',
    })
    expect(one.status).toBe(201)
    const events = [1, 2, 3].map((n) => ({ streamName, eventType: 'many', payload: { n } }))
    const many = await running.post('/api/events/batch', { events })
    expect(many).toMatchObject({ status: 201, body: { success: true, count: 3 } })
    await expect.poll(async () => (await running!.processed('many')).length).toBe(3)
    const [event] = await running.processed('one')
    expect(event).toMatchObject({
      streamName,
      streamId: one.body['messageId'],
      payload: { a: 1 },
      processed: true,
      error: null,
    })
    const ids = (await running.processed('many')).map(({ streamId }) => streamId).toReversed()
    expect(ids).toEqual(many.body['messageIds'])
  })

  it('refuses a batch as a whole when one event is at fault', async () => {
    const orders = stream(newStream(), { 'order.placed': z.object({ total: z.number() }) })
    running = await Running.start({ streams: [orders] })
    const event = (total: unknown) => ({
      streamName: orders.name,
      eventType: 'order.placed',
      payload: { total },
    })
    const { status, body } = await running.post('/api/events/batch', { events: [event(1), event('two')] })
    expect(status).toBe(400)
    expect(JSON.stringify(body)).toContain('events.1.payload.total')
    expect((await running.processed('order.placed')).length).toBe(0)
  })

  it('says in the audit trail what waits, what is done, and what became a dead letter', async () => {
    const work = stream(newStream(), { done: z.object({}), slow: z.object({}), bad: z.object({}) })
    let finish = () => {}
    const finished = new Promise<void>((resolve) => (finish = resolve))
    const handlers = handle(
      work,
      { group: 'main' },
      {
        done: () => {},
        slow: () => finished,
        bad: () => {
          throw new Reject('it is bad')
        },
      },
    )
    // A second group that fails must not change what the main group said.
    const second = handle(
      work,
      { group: 'second' },
      {
        '*': () => {
          throw new Reject('not for me')
        },
      },
    )
    running = await Running.start({ streams: [work], handlers: [handlers, second] })
    const events = ['done', 'slow', 'bad'].map((eventType) => ({
      streamName: work.name,
      eventType,
      payload: {},
    }))
    expect((await running.post('/api/events/batch', { events })).status).toBe(201)
    const stateOf = async (type: string) => {
      const rows = await running!.processed(type)
      return rows.map(({ processed, error }) => ({ processed, error }))
    }
    await expect.poll(() => stateOf('done')).toEqual([{ processed: true, error: null }])
    await expect.poll(() => stateOf('bad')).toEqual([{ processed: false, error: 'Reject: it is bad' }])
    await expect.poll(() => stateOf('slow')).toEqual([{ processed: false, error: null }])
    finish()
    await expect.poll(() => stateOf('slow')).toEqual([{ processed: true, error: null }])
    expect((await running.get('/api/events/stats')).body).toMatchObject({ success: true })
  })

  it('remembers across restarts which streams to follow', async () => {
    running = await Running.start()
    const streamName = newStream()
    await running.post('/api/events/custom', { streamName, eventType: 'before', payload: 1 })
    await expect.poll(async () => (await running!.processed('before')).length).toBe(1)
    await running.service.stop(5_000)
    running = await Running.start({}, { ROLES: 'api' })
    await running.post('/api/events/custom', { streamName, eventType: 'after', payload: 2 })
    await running.service.stop(5_000)
    running = await Running.start()
    await expect.poll(async () => (await running!.processed('after')).length).toBe(1)
  })

  it('follows a stream that another process published to first', async () => {
    running = await Running.start()
    const api = await Running.start({}, { ROLES: 'api' })
    try {
      await api.post('/api/events/custom', { streamName: newStream(), eventType: 'elsewhere', payload: 1 })
      await expect
        .poll(async () => (await running!.processed('elsewhere')).length, { timeout: 10_000 })
        .toBe(1)
    } finally {
      await api.service.stop(5_000)
    }
  })

  it('reports its health, by role', async () => {
    running = await Running.start()
    expect(await running.get('/health/ready')).toEqual({ status: 200, body: { status: 'ready' } })
    const { body } = await running.get('/health')
    expect(body).toMatchObject({
      status: 'healthy',
      service: { name: 'millrace', version: '9.9.9' },
      checks: { redis: { status: 'healthy' }, database: { status: 'healthy' } },
    })
    const api = await Running.start({}, { ROLES: 'api' })
    const { checks } = (await api.get<{ checks: object }>('/health')).body
    await api.service.stop(5_000)
    expect(Object.keys(checks)).toEqual(['redis', 'database'])
  })

  it('is not ready, and says why, while Redis is frozen; then it goes on', async () => {
    const orders = stream(newStream(), { placed: z.number() })
    running = await Running.start({ streams: [orders] })
    await redis.kill('SIGSTOP')
    try {
      const { status, body } = await running.get('/health/ready')
      expect({ status, body }).toEqual({
        status: 503,
        body: { status: 'not_ready', reason: 'Redis does not answer' },
      })
    } finally {
      await redis.kill('SIGCONT')
    }
    await expect.poll(async () => (await running!.get('/health/ready')).status, { timeout: 15_000 }).toBe(200)
    const published = await running.post('/api/events/custom', {
      streamName: orders.name,
      eventType: 'placed',
      payload: 1,
    })
    expect(published.status).toBe(201)
    await expect.poll(async () => (await running!.processed('placed')).length, { timeout: 15_000 }).toBe(1)
  })

  it('takes events while PostgreSQL is away, and writes them down when it is back', async () => {
    running = await Running.start()
    const streamName = newStream()
    await running.post('/api/events/custom', { streamName, eventType: 'first', payload: 0 })
    await expect.poll(async () => (await running!.processed('first')).length).toBe(1)
    await postgres.kill('SIGKILL')
    expect(
      (await running.post('/api/events/custom', { streamName, eventType: 'later', payload: 1 })).status,
    ).toBe(201)
    // The process behind a connection outlives the server by a moment, and may answer once more.
    await expect.poll(async () => (await running!.get('/health')).body['status']).toBe('degraded')
    await expect.poll(async () => (await running!.get('/api/events/processed')).status).toBe(503)
    await postgres.restart()
    const later = async () => (await running!.processed('later').catch(() => undefined))?.length
    await expect.poll(later, { timeout: 20_000 }).toBe(1)
  })
})

describe('the process', () => {
  it('stops on SIGTERM, with reason and duration, and exit code 0', async () => {
    const service = await ServiceProcess.start(env)
    expect(await service.end('SIGTERM')).toBe(0)
    expect(service.lines.at(-1)).toMatch(/Stopped \{"reason":"SIGTERM","durationMs":\d+\}/)
  })

  it('takes a signal that arrives twice at once for one, and ends at once on a second one', async () => {
    const twice = await ServiceProcess.start(env)
    twice.child.kill('SIGINT')
    expect(await twice.end('SIGINT')).toBe(0)

    // Redis hangs, and the stop waits for it a while.
    const stuck = await ServiceProcess.start(env)
    await redis.kill('SIGSTOP')
    try {
      stuck.child.kill('SIGINT')
      await stuck.until(() => stuck.lines.some((line) => line.includes('Stopping')))
      const since = performance.now()
      await stuck.until(() => performance.now() - since > 400)
      expect(await stuck.end('SIGINT')).toBe(130)
    } finally {
      await redis.kill('SIGCONT')
    }
  })

  it('gives up with exit code 1 when Redis never comes, after the attempts that it was given', async () => {
    const hopeless = {
      ...env,
      REDIS_URL: 'redis://:geheim@127.0.0.1:1',
      RETRY_DELAYS: '10,10',
      MAX_RETRY_ATTEMPTS: '3',
    }
    await expect(ServiceProcess.start(hopeless)).rejects.toThrow(
      /Connection attempt 3\/3(?:.|\n)*can't be reached/,
    )
    const failure = await ServiceProcess.start(hopeless).catch((error: Error) => error.message)
    expect(failure).not.toContain('geheim')
  })

  it('answers liveness before it is ready', async () => {
    await redis.kill('SIGSTOP')
    const starting = ServiceProcess.launch({ ...env, CONNECTION_TIMEOUT: '2000', RETRY_DELAYS: '100' })
    try {
      await starting.until(() => starting.hasUrl)
      expect(await (await fetch(`${starting.url}/health/live`)).text()).toBe('OK')
      expect((await fetch(`${starting.url}/health/ready`)).status).toBe(503)
    } finally {
      await redis.kill('SIGCONT')
    }
    await starting.untilReady()
    expect(await starting.end()).toBe(0)
  })
})
