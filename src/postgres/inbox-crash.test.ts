import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { useDatabase, usePostgres } from '../../test/support/use-postgres.ts'
import { useLog, useRedisServer } from '../../test/support/use-redis.ts'
import { Reject, type Handler } from '../core/delivery.ts'
import { Worker } from '../worker/worker.ts'
import type { WorkerOptions } from '../worker/worker-options.ts'
import { PostgresAuditTrail } from './audit-trail.ts'
import type { Database } from './database.ts'
import { Inbox } from './inbox.ts'
import { auditRows, inboxRows } from './test-audit.ts'
import { untilKilled } from './test-child.ts'
import { queryOnce } from './test-database.ts'

const DEAD_AFTER_MS = 600
const COUNT = 20

const server = usePostgres()
const redis = useRedisServer()
const log = useLog(redis)
const fresh = useDatabase(server)
let url: string
let database: Database
let workers: Worker[]
let stream: string
let round = 0
beforeEach(async () => {
  ;({ url, database } = fresh)
  await database.query('CREATE TABLE effects (name text NOT NULL)')
  stream = `crash-${++round}`
  workers = []
  const entries = Array.from({ length: COUNT }, (_, n) => ({ fields: ['type', 'number', 'data', String(n)] }))
  await log.append(stream, entries)
})
afterEach(() => Promise.all(workers.map((worker) => worker.stop(1_000))))

const effects = async () =>
  (await queryOnce<{ name: string }>(url, 'SELECT name FROM effects ORDER BY name::int')).map(
    ({ name }) => name,
  )
const numbers = Array.from({ length: COUNT }, (_, n) => String(n))

async function startWorker(options: Partial<WorkerOptions>): Promise<Worker> {
  const worker = new Worker(log, {
    stream,
    group: 'g',
    deadAfterMs: DEAD_AFTER_MS,
    retry: { delayMs: 10, jitter: 0 },
    ...options,
  })
  workers.push(worker)
  await worker.start()
  return worker
}

/** A worker whose inbox handler, or what stands around it, dies at the number 7. */
const childWorker = (inHandler: string, afterwards: string) => `
  const { RedisStreamLog } = await load('redis/redis-log.ts')
  const { Worker } = await load('worker/worker.ts')
  const { Database } = await load('postgres/database.ts')
  const { Inbox } = await load('postgres/inbox.ts')
  const run = new Inbox(new Database({ url })).handler(async ({ event }, tx) => {
    await tx.query('INSERT INTO effects VALUES ($1)', [event.data])
    if (event.data === 7) { ${inHandler} }
  })
  const handler = async (delivery) => {
    await run(delivery)
    if (delivery.event.data === 7) { ${afterwards} }
  }
  const log = await RedisStreamLog.open({ url: redisUrl })
  await new Worker(log, { stream, group: 'g', deadAfterMs: ${DEAD_AFTER_MS}, concurrency: 1, handler }).start()
`

/** A worker whose handlers produce, and which dies when the audit trail has its first facts. */
const producingChild = `
  const { RedisStreamLog } = await load('redis/redis-log.ts')
  const { Worker } = await load('worker/worker.ts')
  const { Database } = await load('postgres/database.ts')
  const { PostgresAuditTrail } = await load('postgres/audit-trail.ts')
  const audit = new PostgresAuditTrail(new Database({ url }))
  const trail = {
    record: async (facts) => { await audit.record(facts); await die() },
    processedBefore: (...args) => audit.processedBefore(...args),
  }
  const handler = (delivery) => delivery.produce('{' + stream + '}:produced', ['type', 'number', 'data', '0'])
  const log = await RedisStreamLog.open({ url: redisUrl })
  await new Worker(log, { stream, group: 'g', deadAfterMs: ${DEAD_AFTER_MS}, audit: { trail }, handler }).start()
`

const inboxHandler = (starts: string[]): Handler =>
  new Inbox(database).handler(async ({ event }, tx) => {
    starts.push(String(event.data))
    await tx.query('INSERT INTO effects VALUES ($1)', [event.data])
  })

const acknowledged = (worker: Worker) => () => worker.status.processed

describe('a process that is killed', () => {
  it.each([
    ['between effect and commit', 'await die()', '', true],
    ['between commit and acknowledgement', '', 'await die()', false],
  ])('%s takes every effect once', async (_, inHandler, afterwards, runsAgain) => {
    await untilKilled(childWorker(inHandler, afterwards), { url, redisUrl: redis.url, stream })
    expect((await effects()).includes('7')).toBe(!runsAgain)
    const starts: string[] = []
    const worker = await startWorker({ handler: inboxHandler(starts) })
    await expect.poll(async () => (await inboxRows(url)).length, { timeout: 20_000 }).toBe(COUNT)
    await expect.poll(() => worker.status.held, { timeout: 20_000 }).toBe(0)
    expect(await effects()).toEqual(numbers)
    expect(starts.includes('7')).toBe(runsAgain)
  })

  it('between commit and audit trail is in the audit trail in the end', async () => {
    await untilKilled(childWorker('', 'await die()'), { url, redisUrl: redis.url, stream })
    const trail = new PostgresAuditTrail(database)
    const worker = await startWorker({ audit: { trail }, handler: inboxHandler([]) })
    await expect.poll(async () => (await inboxRows(url)).length, { timeout: 20_000 }).toBe(COUNT)
    await expect.poll(() => worker.status.held, { timeout: 20_000 }).toBe(0)
    const row = (await auditRows(url)).find(({ payload }) => payload === '7')
    expect(row).toMatchObject({ state: 'processed', event_type: 'number' })
    await trail.close()
  })

  it('between the audit trail and the acknowledgement loses nothing that was produced', async () => {
    const produced = `{${stream}}:produced`
    await untilKilled(producingChild, { url, redisUrl: redis.url, stream })
    const trail = new PostgresAuditTrail(database)
    const worker = await startWorker({
      audit: { trail },
      handler: (delivery) =>
        delivery.produce(produced, ['type', 'number', 'data', String(delivery.event.data)]),
    })
    await expect.poll(() => worker.status.processed, { timeout: 20_000 }).toBe(COUNT)
    await expect.poll(() => worker.status.held, { timeout: 20_000 }).toBe(0)
    const entries = await log.read(produced, '0-0', 100)
    expect(entries.map(({ fields }) => fields[3]).sort((a, b) => Number(a) - Number(b))).toEqual(numbers)
    await trail.close()
  })
})

describe('a worker', () => {
  it('with failing handlers takes every effect once', async () => {
    const failed = new Set<unknown>()
    const run = new Inbox(database).handler(async ({ event }, tx) => {
      await tx.query('INSERT INTO effects VALUES ($1)', [event.data])
      if (failed.has(event.data)) return
      failed.add(event.data)
      throw new Error('the first start fails')
    })
    const worker = await startWorker({ handler: run })
    await expect.poll(acknowledged(worker), { timeout: 20_000 }).toBe(COUNT)
    expect(await effects()).toEqual(numbers)
    expect(worker.status.failed).toBe(COUNT)
  })

  it('that shares its group with others, all of which are slow to acknowledge, takes every effect once', async () => {
    const starts: string[] = []
    const handler = inboxHandler(starts)
    await Promise.all([1, 2, 3].map(() => startWorker({ handler })))
    await expect.poll(async () => (await effects()).length, { timeout: 20_000 }).toBe(COUNT)
    expect(await effects()).toEqual(numbers)
  })

  it('with a batch handler keeps the effects of all but the poison, which fails alone', async () => {
    const batches: number[] = []
    const batchHandler = new Inbox(database).batchHandler(async (batch, tx) => {
      batches.push(batch.length)
      const names = batch.map(({ event }) => String(event.data))
      await tx.query('INSERT INTO effects SELECT unnest($1::text[])', [names])
      if (names.includes('7')) throw new Reject('poison')
    })
    const trail = new PostgresAuditTrail(database)
    const worker = await startWorker({ batchHandler, audit: { trail } })
    await expect.poll(() => worker.status.processed, { timeout: 20_000 }).toBe(COUNT - 1)
    await expect.poll(() => worker.status.deadLettered, { timeout: 20_000 }).toBe(1)
    expect(await effects()).toEqual(numbers.filter((name) => name !== '7'))
    expect(Math.max(...batches)).toBeGreaterThan(1)
    const ended = async (state: string) =>
      (await auditRows(url)).filter((row) => row.state === state).map(({ payload }) => payload)
    await expect.poll(() => ended('failed'), { timeout: 20_000 }).toEqual(['7'])
    await expect.poll(async () => (await ended('processed')).length, { timeout: 20_000 }).toBe(COUNT - 1)
    expect(await inboxRows(url)).toHaveLength(COUNT - 1)
    await trail.close()
  })
})
