import { InvalidError, type MillraceError } from '../../core/errors.ts'
import { checkName } from '../../core/names.ts'
import type {
  DueEntries,
  Move,
  NewScheduledEntry,
  ScheduledEvents,
  TickMemory,
  WaitingPage,
} from '../../core/schedule.ts'
import type { Connection, ConnectionOptions } from '../connection.ts'
import { PatientConnection } from '../connections/patient.ts'
import { openConnection } from '../connections/servers.ts'
import { notAStream, replyCode } from '../errors.ts'
import { ANNOUNCED_MS, ScheduleAdder, type ScheduleOptions } from './schedule-add.ts'
import { SCHEDULED_STREAMS_KEY, scheduleKeys, TICKS_KEY } from './schedule-keys.ts'
import {
  cancelScript,
  forgetScript,
  listScript,
  moveScript,
  rememberTicksScript,
} from './schedule-scripts.ts'
import { RedisScheduleWatch } from './schedule-watch.ts'
import type { Script } from '../script.ts'

export interface RedisScheduleOptions extends ConnectionOptions, ScheduleOptions {
  /** Shown by CLIENT LIST before the role of the connection (`millrace`). */
  clientName?: string
}

/** One step holds other clients up for a few ms at most. */
const MAX_STEP_ENTRIES = 250
const MAX_STEP_BYTES = 1_000_000
const MAX_PAGE = 1_000
const DEFAULT_PAGE = 100
const SCAN_COUNT = '1000'

/** What waits for its time, on Redis: a sorted set of due times and a hash of entries in the slot of each stream. */
export class RedisSchedule implements ScheduledEvents, DueEntries, TickMemory {
  readonly #connection: Connection
  readonly #openWatch: () => Promise<Connection>
  readonly #adder: ScheduleAdder

  /**
   * @param connection one that nobody blocks and that fails at once; whoever opened it closes it
   * @param openWatch opens one that is blocked, for a watch, which closes it
   */
  constructor(connection: Connection, openWatch: () => Promise<Connection>, options: RedisScheduleOptions) {
    this.#connection = new PatientConnection(connection, options.offlineTimeoutMs)
    this.#openWatch = openWatch
    this.#adder = new ScheduleAdder(connection, options)
  }

  /**
   * Connects, once; after that it reconnects for ever.
   *
   * @throws MillraceError `REDIS_UNAVAILABLE`
   */
  static async open(options: RedisScheduleOptions): Promise<RedisSchedule> {
    const name = options.clientName ?? 'millrace'
    const connection = await openConnection(options, `${name}-schedule`)
    const openWatch = () => openConnection(options, `${name}-schedule-watch`)
    return new RedisSchedule(connection, openWatch, options)
  }

  async schedule(stream: string, entries: readonly NewScheduledEntry[]): Promise<(string | MillraceError)[]> {
    checkName('stream name', stream)
    return this.#adder.add(stream, entries)
  }

  async cancel(stream: string, id: string): Promise<boolean> {
    return (await this.#run(cancelScript, stream, [id])) === 1
  }

  async list(stream: string, page: { limit?: number; after?: string } = {}): Promise<WaitingPage> {
    const { limit = DEFAULT_PAGE, after = ':' } = page
    const [due, id] = checkPage(limit, after)
    const args = [String(Math.min(limit, MAX_PAGE)), String(MAX_STEP_BYTES), due, id]
    const reply = await this.#run(listScript, stream, args)
    const more = reply.pop() === 1
    const rows = reply as [id: string, due: string, fields: string[]][]
    const entries = rows.map(([id, dueAt, fields]) => ({ id, dueAt: Number(dueAt), fields }))
    const last = entries.at(-1)
    return more && last ? { entries, next: `${last.dueAt}:${last.id}` } : { entries }
  }

  async streams(): Promise<string[]> {
    const streams = new Set<string>()
    let cursor = '0'
    do {
      const args = ['ZSCAN', SCHEDULED_STREAMS_KEY, cursor, 'COUNT', SCAN_COUNT]
      const [next, flat] = await this.#connection.send<[string, string[]]>(args)
      for (let at = 0; at < flat.length; at += 2) streams.add(flat[at]!)
      cursor = next
    } while (cursor !== '0')
    return [...streams]
  }

  async move(stream: string): Promise<Move> {
    const bounds = [String(MAX_STEP_ENTRIES), String(MAX_STEP_BYTES)]
    const [moved, untilNextMs, now] = await this.#run(moveScript, stream, bounds)
    if (untilNextMs >= 0) return { moved, untilNextMs }
    // Whoever adds something after this look has announced it within ANNOUNCED_MS before, which is later than that.
    await forgetScript.run(
      this.#connection,
      [SCHEDULED_STREAMS_KEY],
      [stream, String(now - 2 * ANNOUNCED_MS)],
    )
    return { moved, untilNextMs: Infinity }
  }

  async watch(): Promise<RedisScheduleWatch> {
    const connection = await this.#openWatch()
    try {
      return await RedisScheduleWatch.open(connection)
    } catch (error) {
      await connection.close()
      throw error
    }
  }

  async recall(jobs: readonly string[]): Promise<(number | undefined)[]> {
    if (jobs.length === 0) return []
    const ticks = await this.#connection.send<(string | null)[]>(['HMGET', TICKS_KEY, ...jobs])
    return ticks.map((tick) => (tick === null || !Number.isFinite(Number(tick)) ? undefined : Number(tick)))
  }

  async remember(ticks: ReadonlyMap<string, number>): Promise<void> {
    const args = [...ticks].flatMap(([job, tick]) => [job, String(tick)])
    if (args.length > 0) await rememberTicksScript.run(this.#connection, [TICKS_KEY], args)
  }

  /** Watches are closed by whoever opened them. */
  async close(): Promise<void> {
    await this.#connection.close()
  }

  async #run<T>(script: Script<T>, stream: string, args: readonly string[]): Promise<T> {
    checkName('stream name', stream)
    const { due, entries } = scheduleKeys(stream)
    try {
      return await script.run(this.#connection, [stream, due, entries], args)
    } catch (error) {
      throw replyCode(error) === 'WRONGTYPE' ? notAStream(stream, error) : error
    }
  }
}

/** @returns due time and id of the entry after which the page begins */
function checkPage(limit: number, after: string): [due: string, id: string] {
  const issues = []
  if (!Number.isInteger(limit) || limit < 1)
    issues.push({ path: 'limit', message: `must be a whole number from 1 on, not ${limit}` })
  const cursor = /^(-?\d*):(\d*)$/.exec(after)
  if (!cursor) issues.push({ path: 'after', message: 'must be the `next` of the page before' })
  if (issues.length > 0) throw new InvalidError('CONFIGURATION_INVALID', 'there is no such page', issues)
  return [cursor![1]!, cursor![2]!]
}
