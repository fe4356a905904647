import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Bus } from '../../src/bus/bus.ts'
import { tail } from '../../src/bus/tail.ts'
import { RetryLater } from '../../src/core/delivery.ts'
import { resolveRetention } from '../../src/core/retention-policy.ts'
import { stream } from '../../src/core/stream.ts'
import { openConnection } from '../../src/redis/connections/servers.ts'
import { CLIENT_RATE_PREFIX } from '../../src/redis/keys.ts'
import { RedisStreamLog } from '../../src/redis/redis-log.ts'
import { RedisSettings } from '../../src/redis/settings/settings-store.ts'
import { job } from '../../src/schedule/job.ts'
import { RpcClient } from '../../src/rpc/rpc-client.ts'
import { ClientRates } from '../../src/security/client-rates.ts'
import { backupOf, restoreTo, TestRun } from './backup-lab.ts'
import { echo } from './rpc-lab.ts'
import { failureOf, until } from './until.ts'

/** What one kind of user does with the library, so that the rights which docs/security.md names are tried out. */
export type Role = (url: string) => Promise<void>

const STREAM = 'orders'
const orders = stream(STREAM, {})
const operator = { actor: 'ada', reason: 'a drill' }

async function using(url: string, work: (log: RedisStreamLog, bus: Bus) => Promise<void>): Promise<void> {
  const log = await RedisStreamLog.open({ url, offlineTimeoutMs: 2_000 })
  const bus = new Bus(log, { operations: log.operations, closeLog: () => log.close() })
  await work(log, bus).finally(() => bus.close())
}

async function publish(bus: Bus, type: string, idempotencyKey?: string): Promise<void> {
  const event = { type, data: 1, ...(idempotencyKey !== undefined && { idempotencyKey }) }
  const [result] = await bus.publishUntyped(STREAM, [event])
  if (typeof result !== 'string') throw result
}

/** Now, once under a key, and later. */
export const publisher: Role = (url) =>
  using(url, async (log, bus) => {
    await publish(bus, 'placed')
    await publish(bus, 'placed', 'once')
    await publish(bus, 'placed', 'once')
    await log.register(STREAM)
    const { schedule } = log.operations
    const later = { fields: ['type', 'later'], delayMs: 60_000, idempotencyKey: 'later' }
    const [id] = await schedule.schedule(STREAM, [later])
    if (typeof id !== 'string') throw id
    await schedule.schedule(STREAM, [later])
    await log.ping()
  })

/**
 * Handles, retries, gives up and leaves: in a group of many, in one that keeps the order and a rate, and in one that knows
 * events again. One event of the type `bad` has to be there.
 */
export const worker: Role = (url) =>
  using(url, async (log, bus) => {
    const retry = { attempts: 2, delayMs: 10 }
    const many = await bus.consume(
      orders,
      { group: 'many', retry, minIdleMs: 300, claimIntervalMs: 100 },
      {
        '*': ({ event, attempt }) => {
          if (event.type === 'bad') throw new Error('it is bad')
          if (attempt === 1) throw new RetryLater(10, 'once more')
        },
      },
    )
    const ordered = await bus.consume(
      orders,
      { group: 'ordered', order: 'key', rateLimit: { count: 1_000, perMs: 1_000 } },
      { '*': () => {} },
    )
    const once = await bus.consume(
      orders,
      { group: 'once', deduplicate: { ttlMs: 60_000 } },
      { '*': () => {} },
    )
    const producing = await bus.consume(
      orders,
      { group: 'producing' },
      { '*': (delivery) => delivery.produce('{orders}:out', ['type', 'out', 'data', '1']) },
    )
    await until('what many do', () => many.status.deadLettered === 1 && many.status.processed >= 2)
    await until('what comes in order', () => ordered.status.processed >= 3)
    await until('what comes once', () => once.status.processed >= 1)
    await until('what is produced', () => producing.status.processed >= 3)
    await log.ping()
  })

/** Of a user without limits, who does what the other end has to. */
const unlimited = (url: string): string => url.replace(/\/\/.*@/, '//')

async function calling(url: string, work: (calls: RpcClient) => Promise<void>): Promise<void> {
  const log = await RedisStreamLog.open({ url, offlineTimeoutMs: 2_000 })
  const calls = new RpcClient(log, log.rpc)
  await work(calls).finally(() => calls.close(1_000))
  await log.close()
}

const cancelled = (calls: RpcClient, text: string, when: () => boolean): Promise<unknown> => {
  const controller = new AbortController()
  const asked = failureOf(calls.request(echo(STREAM), { text }, { signal: controller.signal }))
  void until('what is to be cancelled', when).then(() => controller.abort())
  return asked
}

/** Asks, and takes back what nobody answers and what runs. */
export const requester: Role = (url) =>
  calling(url, async (calls) => {
    await failureOf(calls.request(echo(STREAM), { text: 'nobody' }, { timeout: 100 }))
    await calling(unlimited(url), async (others) => {
      let runs = 0
      await others.reply(echo(STREAM), {}, async ({ text }, { signal }) => {
        runs += text === 'long' ? 1 : 0
        if (text === 'long') await new Promise((end) => signal.addEventListener('abort', end))
        return { text }
      })
      await calls.request(echo(STREAM), { text: 'short' })
      await cancelled(calls, 'long', () => runs > 0)
    })
  })

/** Answers what requesters and others wrote, hands back what it has no time for, and hears what is told. */
export const responder: Role = (url) =>
  calling(url, async (calls) => {
    await calls.reply(echo(STREAM), {}, ({ text }) => ({ text }))
    await calling(unlimited(url), async (others) => {
      for (let n = 0; n < 3; n++) await others.request(echo(STREAM), { text: 'x' })
    })
    await using(unlimited(url), async (log) => {
      const entries = [
        { fields: ['requestId', '1', 'data', '{"text":"x"}'] },
        { fields: ['data', 'no request'] },
      ]
      await log.append(STREAM, entries)
      await until('what was written by hand', () => log.read(echo(STREAM).replies, '0-0', 1))
    })
  })

/** Looks at everything, and changes nothing. */
export const reader: Role = (url) =>
  using(url, async (log) => {
    const { deadLetters, stats, streams, replays, resets, holds, schedule } = log.operations
    const { control, actions, members } = log.operations
    await log.registered()
    await stats.lag(STREAM)
    await streams.info(STREAM)
    const { letters } = await deadLetters.list(STREAM)
    await deadLetters.get(STREAM, letters[0]!.id)
    await deadLetters.summary(STREAM)
    await deadLetters.streams()
    await replays.count({ stream: STREAM })
    await replays.progress(STREAM, 'none')
    await resets.preview({ stream: STREAM, group: 'many', to: 'start' })
    await holds.list(STREAM)
    await schedule.list(STREAM)
    await schedule.streams()
    await schedule.recall(['tick'])
    await control.pausedSince(STREAM, 'many')
    await members.consumers(STREAM, 'many')
    await members.pending(STREAM, 'many')
    await actions.actions(STREAM)
    await log.operations.jobStore.list({}, {})
    await log.operations.catalogue.list()
    await log.operations.explain.explain({ stream: STREAM })
    for await (const entry of tail(log, STREAM, { from: '0', follow: false })) void entry
    const connection = await openConnection({ url }, 'settings')
    await new RedisSettings(connection, 'shop').read()
    await new RedisSettings(connection, 'shop').history()
    await connection.close()
    await log.ping()
  })

/** All that the others do, and what only the service and whoever is on call do. */
export const service: Role = async (url) => {
  await publisher(url)
  await worker(url)
  await reader(url)
  await using(url, async (log, bus) => {
    let ticks = 0
    await bus.runJobs([job('tick', { everyMs: 1_000 }, () => void ticks++)])
    const { schedule } = log.operations
    const fields = ['type', 'soon', 'data', '1']
    const ids = await schedule.schedule(STREAM, [
      { fields, delayMs: 10 },
      { fields, delayMs: 60_000 },
    ])
    await schedule.cancel(STREAM, ids[1] as string)
    await until('a tick', () => ticks > 0)
    await until('what was due', async () => {
      const entries = await log.read(STREAM, '0-0', 100)
      return entries.some(({ fields }) => fields[1] === 'soon')
    })
    await operate(log)
    await manage(log)
    const params = { stream: STREAM, maxLength: 1_000 }
    const { id } = await bus.jobs.start({ kind: 'trim', params, ...operator })
    await until('a job', async () => (await bus.jobs.get(id)).state === 'done')
  })
  await saveAndBringBack(url)
  const connection = await openConnection({ url }, 'settings')
  await new RedisSettings(connection, 'shop').change({ 'log.level': 'debug' }, operator)
  const rates = new ClientRates({ max: 10, windowMs: 1_000 }, { keyPrefix: CLIENT_RATE_PREFIX })
  rates.share(() => connection)
  await rates.take('client')
  await connection.close()
}

async function manage({ operations }: RedisStreamLog): Promise<void> {
  const { members, lifecycle } = operations
  const group = [STREAM, 'managed'] as const
  await lifecycle.create(...group, operator)
  const selection = { positions: ['1-1'] }
  await members.acknowledge(...group, selection, operator)
  await members.remove(...group, 'nobody', operator)
  for (const deed of [
    members.claim(...group, selection, 'nobody', operator),
    members.release(...group, selection, operator),
  ])
    await deed.catch(onlyUnknown)
  await lifecycle.delete(...group, operator)
}

/** There is nobody to hand anything to; what is not allowed is another error. */
function onlyUnknown(error: { code?: string }): void {
  if (error.code !== 'UNKNOWN_CONSUMER' && error.code !== 'GROUP_FOREIGN') throw error
}

/** To a file and, under the same name, back. */
async function saveAndBringBack(url: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'acl-'))
  const connection = await openConnection({ url }, 'backup')
  const params = { path: join(folder, 'backup'), streams: [STREAM] }
  const backup = backupOf(connection)
  await backup.run(await backup.check(params), new TestRun('b'))
  for (const key of (await connection.send<[string, string[]]>(['SCAN', '0', 'COUNT', '100000']))[1])
    if (/^\{?orders(\}:|$)/.test(key)) await connection.send(['UNLINK', key])
  const restore = restoreTo(connection)
  await restore.run(await restore.check(params), new TestRun('r'))
  await connection.close()
  rmSync(folder, { recursive: true })
}

async function operate({ operations }: RedisStreamLog): Promise<void> {
  const { deadLetters, replays, control, resets, holds, retention } = operations
  const { letters } = await deadLetters.list(STREAM)
  await deadLetters.edit(STREAM, letters[0]!.id, { data: 2 }, operator)
  await deadLetters.redrive(STREAM, { filter: {} }, { ...operator, limit: 1 })
  await deadLetters.discard(STREAM, { filter: {} }, operator)
  await replays.replay({ stream: STREAM, name: 'again', target: { group: 'many' }, ...operator })
  await replays.abandon(STREAM, 'again', operator)
  await control.pause(STREAM, 'many', operator)
  await control.resume(STREAM, 'many', operator)
  await resets.reset(
    { stream: STREAM, group: 'many', to: 'start', pending: 'drop' },
    { ...operator, force: true },
  )
  await holds.set(STREAM, 'backup', '0-0', { ttlMs: 60_000 })
  await holds.move(STREAM, 'backup', '0-1', { ttlMs: 60_000 })
  await holds.release(STREAM, 'backup')
  const policy = {
    maxLength: 2,
    hardMaxLength: 3,
    abandonedAfterMs: 60_000,
    abandonedAction: 'expire',
  } as const
  const target = resolveRetention({ stream: STREAM, policy, groups: [{ name: 'many' }] })
  await retention.trim(target)
  await retention.inspect(target)
}
