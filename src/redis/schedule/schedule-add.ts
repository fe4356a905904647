import { setTimeout as sleep } from 'node:timers/promises'
import { sizeOf } from '../../core/entry-size.ts'
import { MillraceError } from '../../core/errors.ts'
import { checkDue, type NewScheduledEntry } from '../../core/schedule.ts'
import { digestOf, nextBatch, type Sized } from '../append/batch.ts'
import type { Connection } from '../connection.ts'
import { canWait, notAStream, replyCode } from '../errors.ts'
import { EARLIER_KEY, SCHEDULED_STREAMS_KEY, scheduleIdempotencyKey, scheduleKeys } from './schedule-keys.ts'
import { addScript, announceScript } from './schedule-scripts.ts'

export interface ScheduleOptions {
  /** How long an idempotency key is remembered after its entry is due, in ms (10 minutes). */
  idempotencyTtlMs?: number
  /** How long entries wait for a Redis that can write before they fail with nothing written, in ms (10000). */
  offlineTimeoutMs?: number
}

/** For how long the announcement of a stream counts. It is on the list of {@link SCHEDULED_STREAMS_KEY} for longer. */
export const ANNOUNCED_MS = 60_000

const DEFAULTS = { idempotencyTtlMs: 600_000, offlineTimeoutMs: 10_000 } satisfies Required<ScheduleOptions>
const BACK_OFF_MS = 100
/** How often entries whose reply was lost are sent again, where their keys make that safe. */
const MAX_RESENDS = 5
/** Lua can't unpack more arguments than this with certainty. */
const MAX_FIELDS = 500
/** So many that a mover which is awake misses none, and no more memory than a page of text. */
const EARLIER_LENGTH = '1000'

type Result = string | MillraceError

interface Parcel extends Sized {
  readonly index: number
  readonly when: 'at' | 'in'
  readonly ms: string
}

/**
 * Lets entries wait. Each batch announces its stream before it is written, so a stream that something waits for is
 * always on the list of the movers, also when this process dies between the two.
 */
export class ScheduleAdder {
  readonly #connection: Connection
  readonly #options: Required<ScheduleOptions>

  constructor(connection: Connection, options: ScheduleOptions = {}) {
    this.#connection = connection
    this.#options = { ...DEFAULTS, ...options }
  }

  async add(stream: string, entries: readonly NewScheduledEntry[]): Promise<Result[]> {
    const results: Result[] = Array.from({ length: entries.length })
    const parcels: Parcel[] = []
    entries.forEach((entry, index) => {
      const fault = checkEntry(entry)
      if (fault) results[index] = fault
      else parcels.push(toParcel(entry, index))
    })
    for (let start = 0; start < parcels.length;) {
      const batch = nextBatch(parcels, start)
      const written = await this.#deliver(stream, batch, 0)
      batch.forEach(({ index }, at) => (results[index] = written[at]!))
      start += batch.length
    }
    return results
  }

  /** What was perhaps written is safe to write again only under its key. */
  async #deliver(stream: string, batch: readonly Parcel[], resends: number): Promise<Result[]> {
    try {
      return await this.#write(stream, batch)
    } catch (thrown) {
      const error = thrown as MillraceError
      if (error.code !== 'REDIS_UNCERTAIN') {
        const reason = replyCode(error) === 'WRONGTYPE' ? notAStream(stream, error) : error
        return batch.map(() => (resends > 0 ? uncertain(error) : reason))
      }
      const again = resends < MAX_RESENDS ? batch.filter(isKeyed) : []
      const resent = again.length > 0 ? await this.#deliver(stream, again, resends + 1) : []
      const byIndex = new Map(again.map(({ index }, at) => [index, resent[at]!]))
      return batch.map(({ index }) => byIndex.get(index) ?? uncertain(error))
    }
  }

  /** Nothing was written where an announcement fails or has become too old on the way. */
  async #write(stream: string, batch: readonly Parcel[]): Promise<Result[]> {
    const until = performance.now() + this.#options.offlineTimeoutMs
    for (;;) {
      const announced = await this.#whenPossible(SCHEDULED_STREAMS_KEY, until, canAnnounceAgain, () =>
        announceScript.run(this.#connection, [SCHEDULED_STREAMS_KEY], [stream]),
      )
      const { keys, args } = this.#command(stream, batch, announced)
      const reply = await this.#whenPossible(stream, until, canWait, () =>
        addScript.run(this.#connection, keys, args),
      )
      if (reply.length === 0) continue
      if (reply[0] === '1') this.#wakeMovers(stream)
      return batch.map((parcel, at) => (reply[at + 1] === '!' ? conflict(parcel) : reply[at + 1]!))
    }
  }

  async #whenPossible<T>(
    key: string,
    until: number,
    again: (error: MillraceError) => boolean,
    call: () => Promise<T>,
  ): Promise<T> {
    for (;;) {
      try {
        await this.#connection.whenReady(until - performance.now(), key)
        return await call()
      } catch (error) {
        if (performance.now() >= until || !again(error as MillraceError)) throw error
        await sleep(BACK_OFF_MS)
      }
    }
  }

  #command(stream: string, batch: readonly Parcel[], announced: number): { keys: string[]; args: string[] } {
    const { due, entries } = scheduleKeys(stream)
    const keys = [stream, due, entries]
    const args = [String(announced), String(ANNOUNCED_MS), String(this.#options.idempotencyTtlMs)]
    for (const parcel of batch) {
      const { idempotencyKey: key, fields, when, ms } = parcel
      if (key === undefined) args.push('0', '')
      else args.push(String(keys.push(scheduleIdempotencyKey(stream, key))), digestOfParcel(parcel))
      args.push(when, ms, String(fields.length), ...fields)
    }
    return { keys, args }
  }

  /** Whether it arrives or not: movers look by themselves every second. */
  #wakeMovers(stream: string): void {
    const args = ['XADD', EARLIER_KEY, 'MAXLEN', '~', EARLIER_LENGTH, '*', 'stream', stream]
    this.#connection.send(args).catch(() => {})
  }
}

function checkEntry(entry: NewScheduledEntry): MillraceError | undefined {
  const { fields } = entry
  if (fields.length === 0 || fields.length % 2 !== 0 || fields.some((part) => typeof part !== 'string')) {
    const message = 'an entry is a list of names and values in turn, all of them strings, and not empty'
    return new MillraceError('EVENT_INVALID', message)
  }
  if (fields.length > 2 * MAX_FIELDS) {
    const message = `an entry that waits has at most ${MAX_FIELDS} fields, this one ${fields.length / 2}`
    return new MillraceError('EVENT_INVALID', message)
  }
  return checkDue(entry)
}

function toParcel(entry: NewScheduledEntry, index: number): Parcel {
  const { fields, idempotencyKey, dueAt, delayMs = 0 } = entry
  const time = dueAt ?? Math.max(delayMs, 0)
  const when = dueAt === undefined ? 'in' : 'at'
  return { fields, idempotencyKey, size: sizeOf(fields), index, when, ms: Math.ceil(time).toFixed() }
}

const isKeyed = ({ idempotencyKey }: Parcel): boolean => idempotencyKey !== undefined

/** The time is part of it: another time is another order. */
const digestOfParcel = ({ when, ms, fields }: Parcel): string => digestOf(fields, `${when}${ms} `)

const canAnnounceAgain = (error: MillraceError): boolean => canWait(error) || error.code === 'REDIS_UNCERTAIN'

const uncertain = (cause: MillraceError) =>
  new MillraceError(
    'PUBLISH_UNCERTAIN',
    'the reply of Redis was lost: the event may or may not wait. With an idempotency key it can be scheduled again',
    { cause },
  )

const conflict = ({ idempotencyKey }: Parcel) =>
  new MillraceError(
    'IDEMPOTENCY_CONFLICT',
    `the idempotency key "${idempotencyKey}" was used for another event or time; use a new key for them`,
  )
