import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { useDatabase, usePostgres } from '../../test/support/use-postgres.ts'
import { useProxy } from '../../test/support/use-proxy.ts'
import { useLog, useRedisServer } from '../../test/support/use-redis.ts'
import { noLog, type Log } from '../core/service.ts'
import { Database } from './database.ts'
import { Outbox } from './outbox.ts'
import { OutboxRelay } from './outbox-relay.ts'
import type { RelayOptions } from './relay-options.ts'
import { untilKilled } from './test-child.ts'
import { queryOnce } from './test-database.ts'
import { addNumbers, numbers, outboxRows, publishedIn } from './test-outbox.ts'

const server = usePostgres()
const proxy = useProxy(server)
const redis = useRedisServer({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
const log = useLog(redis)
const fresh = useDatabase(server)
let url: string
let database: Database
let outbox: Outbox
let ends: (() => Promise<void>)[]
let round = 0
let target = numbers()
beforeEach(() => {
  ;({ url, database } = fresh)
  outbox = new Outbox(database)
  ends = []
  target = numbers(`faults-${++round}`)
})
afterEach(async () => {
  for (const end of ends.toReversed()) await end()
})

async function startRelay(options: RelayOptions & { log?: Log } = {}, relayUrl = url): Promise<OutboxRelay> {
  const own = new Database({ url: relayUrl })
  const relay = new OutboxRelay(own, log, options)
  ends.push(
    () => own.close(),
    () => relay.stop(1_000),
  )
  await relay.start()
  return relay
}
const add = (...events: Parameters<typeof addNumbers>[3]) => addNumbers(database, outbox, target, events)
const eventually = <T>(read: () => T) => expect.poll(read, { timeout: 30_000 })
const untilEmpty = () => eventually(async () => (await outboxRows(url)).length).toBe(0)
const published = async () => (await publishedIn(log, target.name)).map(({ data }) => data)
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n)

describe('a relay that is killed between publishing and deleting', () => {
  const script = `
    const { RedisStreamLog } = await load('redis/redis-log.ts')
    const { Database } = await load('postgres/database.ts')
    const { OutboxRelay } = await load('postgres/outbox-relay.ts')
    const redis = await RedisStreamLog.open({ url: redisUrl })
    let left = 3
    const log = { append: async (...call) => {
      const results = await redis.append(...call)
      return --left > 0 ? results : die()
    } }
    await new OutboxRelay(new Database({ url }), log).start()
  `

  it('publishes nothing twice and loses nothing, in order', async () => {
    await add(...range(0, 20).map((data) => ({ data, key: 'k' })))
    await untilKilled(script, { url, redisUrl: redis.url, stream: target.name })
    expect([(await outboxRows(url)).length, await published()]).toEqual([20, [0, 1, 2]])
    await startRelay()
    await untilEmpty()
    expect(await published()).toEqual(range(0, 20))
  })
})

describe('an outage', () => {
  it('of Redis keeps the rows, spends no attempt, holds no transaction for long, and is over within 2 s', async () => {
    const warnings = vi.fn()
    await startRelay({ log: { ...noLog, warn: warnings } })
    await add({ data: 0, key: 'k' })
    await untilEmpty()
    await redis.kill('SIGKILL')
    await add(...range(1, 10).map((data) => ({ data, key: 'k' })))
    await eventually(() => warnings.mock.calls.length).toBeGreaterThan(0)
    // It had its time, gave the transaction back, and tries on.
    const longest = `SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8 AS seconds
      FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`
    const [open] = await queryOnce<{ seconds: number }>(url, longest)
    expect(open!.seconds).toBeLessThan(10)
    expect((await outboxRows(url)).map(({ attempts }) => attempts)).toEqual(range(1, 10).map(() => 0))
    await redis.restart()
    const back = performance.now()
    await untilEmpty()
    // 2 s is the promise; a busy machine gets more.
    expect(performance.now() - back).toBeLessThan(5_000)
    await eventually(published).toEqual(range(0, 10))
  })

  it('of PostgreSQL under load loses nothing and repeats nothing', async () => {
    await startRelay({ batchSize: 50 })
    let restarting: Promise<void> | undefined
    for (let from = 0; from < 2_000; from += 20) {
      if (from === 1_000) restarting = server.restart()
      // Nobody knows of a commit whose connection broke: added again with its id, an event is published once.
      const events = range(from, from + 20).map((data) => ({ data, key: 'k', id: `event-${data}` }))
      await eventually(() =>
        add(...events).then(
          () => true,
          () => false,
        ),
      ).toBe(true)
    }
    await restarting
    await untilEmpty()
    expect(await published()).toEqual(range(0, 2_000))
    expect(await outbox.failed()).toEqual([])
  })
})

describe('the connection that listens', () => {
  const pids = async () => {
    const listening = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`
    return (await queryOnce<{ pid: number }>(url, listening)).map(({ pid }) => pid)
  }
  const throughProxy = () => {
    const through = new URL(url)
    through.port = String(proxy.port)
    return through.href
  }

  it('comes back after it was cut, and what was told meanwhile is found', async () => {
    const relay = await startRelay({ pollMs: 600_000 }, throughProxy())
    const [first] = await add({ data: 0 })
    expect(await relay.published(first!, 20_000)).not.toBeNull()
    for (const data of [1, 2, 3]) {
      const before = (await eventuallyOne(pids))[0]
      proxy.cut()
      const [id] = await add({ data })
      expect(await relay.published(id!, 20_000)).not.toBeNull()
      expect((await eventuallyOne(pids))[0]).not.toBe(before)
    }
  })

  it('is not needed: what is polled for comes as well', async () => {
    await startRelay({ pollMs: 50 })
    await eventuallyOne(pids)
    const over = new AbortController()
    const cutting = cutListeners(over.signal)
    await add(...range(0, 10).map((data) => ({ data, key: 'k' })))
    await untilEmpty()
    over.abort()
    await cutting
    expect(await published()).toEqual(range(0, 10))
  })

  async function cutListeners(over: AbortSignal): Promise<void> {
    const cut = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'millrace' AND query LIKE 'LISTEN%'`
    while (!over.aborted) await queryOnce(url, cut)
  }

  async function eventuallyOne(read: () => Promise<number[]>): Promise<number[]> {
    await eventually(async () => (await read()).length).toBe(1)
    return read()
  }
})
