import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { handle, type App } from '../src/app/app.ts'
import { Reject } from '../src/core/delivery.ts'
import { stream } from '../src/core/stream.ts'
import { RunningService } from './support/running-service.ts'
import { usePostgres } from './support/use-postgres.ts'
import { useRedis } from './support/use-redis.ts'

const { server: redis, admin } = useRedis()
const postgres = usePostgres()
let number = 0

const newStream = () => `service:${++number}`

const start = (app: Partial<App> = {}, more: NodeJS.ProcessEnv = {}) =>
  RunningService.start(app, { REDIS_URL: redis.url, DATABASE_URL: postgres.url, ...more })

let running: RunningService | undefined
afterEach(async () => {
  await running?.stop()
  running = undefined
})

describe('the service', () => {
  it('takes events over HTTP, and shows each once in the audit trail', async () => {
    running = await start()
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
    running = await start({ streams: [orders] })
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
    running = await start({ streams: [work], handlers: [handlers, second] })
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
    running = await start()
    const streamName = newStream()
    await running.post('/api/events/custom', { streamName, eventType: 'before', payload: 1 })
    await expect.poll(async () => (await running!.processed('before')).length).toBe(1)
    await running.stop()
    running = await start({}, { ROLES: 'api' })
    await running.post('/api/events/custom', { streamName, eventType: 'after', payload: 2 })
    await running.stop()
    running = await start()
    await expect.poll(async () => (await running!.processed('after')).length).toBe(1)
  })

  it('follows a stream that another process published to first', async () => {
    running = await start()
    const api = await start({}, { ROLES: 'api' })
    try {
      await api.post('/api/events/custom', { streamName: newStream(), eventType: 'elsewhere', payload: 1 })
      await expect
        .poll(async () => (await running!.processed('elsewhere')).length, { timeout: 10_000 })
        .toBe(1)
    } finally {
      await api.stop()
    }
  })

  it('reports its health, by role', async () => {
    running = await start()
    expect(await running.get('/health/ready')).toMatchObject({ status: 200, body: { status: 'ready' } })
    const { body } = await running.get('/health')
    expect(body).toMatchObject({
      status: 'healthy',
      service: { name: 'millrace', version: '9.9.9' },
      checks: {
        redis: { status: 'healthy', latency: expect.any(Number), circuit: 'closed' },
        eventStream: { status: 'healthy', consumerActive: true, lastMessage: null },
        database: { status: 'healthy' },
        background: { status: 'healthy' },
      },
    })
    const api = await start({}, { ROLES: 'api' })
    const { checks } = (await api.get<{ checks: object }>('/health')).body
    await api.stop()
    expect(Object.keys(checks)).toEqual(['redis', 'database'])
  })

  it('gives groups what the configuration says, where they say nothing', async () => {
    const work = stream(newStream(), { bad: z.object({}) })
    const fail = () => {
      throw new Error('it fails')
    }
    const handlers = handle(work, { group: 'default' }, { bad: fail })
    running = await start(
      { handlers: [handlers] },
      { HANDLER_ATTEMPTS: '2', HANDLER_RETRY_DELAY_MS: '1', CONSUMER_NAME: 'me' },
    )
    await running.publish(work.name, 'bad', {})
    const letters = async () => admin.send<unknown[]>(['XRANGE', `{${work.name}}:dead-letter`, '-', '+'])
    await expect.poll(async () => JSON.stringify(await letters())).toMatch(/"deadletter-attempts","2"/)
    const consumers = await admin.send<string[][]>(['XINFO', 'CONSUMERS', work.name, 'default'])
    expect(JSON.stringify(consumers)).toContain(`"me-${process.pid}-`)
  })
})

describe('test events', () => {
  const ownStream = () => ({ STREAM: newStream() })

  it('are published on request, and taken by the service itself, with a line', async () => {
    const env = ownStream()
    running = await start({}, env)
    const { status, body } = await running.post<{ messageId: string }>('/trigger-test-event', {})
    expect([status, body]).toEqual([201, { success: true, messageId: expect.stringMatching(/^\d+-\d+$/) }])
    const arrived = () => running!.lines.find((line) => line.includes(`test.event arrived on ${env.STREAM}`))
    await expect.poll(arrived).toContain(body.messageId)
    await expect
      .poll(async () => (await running!.processed('test.event')).map(({ streamId }) => streamId))
      .toContain(body.messageId)
    const { checks } = (await running.get<{ checks: { eventStream: object } }>('/health')).body
    expect(checks.eventStream).toMatchObject({ lastMessage: expect.stringMatching(/^\d{4}-/) })
  })

  it('go to the group of the app where there is one', async () => {
    const env = ownStream()
    const got: unknown[] = []
    const own = stream(env.STREAM, { 'test.event': z.object({ message: z.string() }) })
    const handlers = handle(own, { group: 'own' }, { 'test.event': ({ event }) => void got.push(event.data) })
    running = await start({ streams: [own], handlers: [handlers] }, env)
    await running.post('/trigger-test-event', {})
    await expect.poll(() => got).toHaveLength(1)
    const groups = await admin.send<string[][]>(['XINFO', 'GROUPS', env.STREAM])
    expect(groups.map(([, name]) => name)).toEqual(['own'])
  })

  it('come once in each interval, however many instances there are', async () => {
    const env = { ...ownStream(), TEST_EVENT_INTERVAL_MS: '100' }
    running = await start({}, env)
    const other = await start({}, env)
    try {
      const entries = () => admin.send<[string, string[]][]>(['XRANGE', env.STREAM, '-', '+'])
      await expect.poll(async () => (await entries()).length, { timeout: 10_000 }).toBeGreaterThan(9)
      const times = (await entries()).map(([, fields]) => fields[fields.indexOf('time') + 1])
      expect(new Set(times).size).toBe(times.length)
    } finally {
      await other.stop()
    }
  })

  it('come in no interval that makes no sense', () => {
    expect(() => RunningService.create({}, { TEST_EVENT_INTERVAL_MS: '3' })).toThrow(
      /TEST_EVENT_INTERVAL_MS: must be 0/,
    )
  })
})
