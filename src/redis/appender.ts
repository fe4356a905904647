import { MillraceError } from '../core/errors.ts'
import type { NewEntry } from '../core/stream-log.ts'
import { nextBatch, sizeOf, writeBatch, type Sized } from './batch.ts'
import type { Connection } from './connection.ts'
import { replyCode } from './errors.ts'

export interface AppendOptions {
  /** How long an idempotency key is remembered, in ms (10 minutes). */
  idempotencyTtlMs?: number
  /** How long entries wait for a connection before they fail with nothing written, in ms (10000). */
  offlineTimeoutMs?: number
  /** Entries that may wait at once (100000) and their size in characters (64 million); beyond it publishing fails. */
  maxQueuedEntries?: number
  maxQueuedSize?: number
}

const DEFAULTS = {
  idempotencyTtlMs: 600_000,
  offlineTimeoutMs: 10_000,
  maxQueuedEntries: 100_000,
  maxQueuedSize: 64_000_000,
} satisfies Required<AppendOptions>

/** Batches of one stream under way at once: enough to keep Redis busy while replies travel. */
const MAX_BATCHES_UNDER_WAY = 4
/** How often a batch whose reply was lost is sent again, where its keys make that safe. */
const MAX_RESENDS = 5

type Result = string | MillraceError

/** One call of `append`: its results come in any order, and it is answered when all are there. */
class Call {
  readonly #results: Result[]
  readonly #resolve: (results: Result[]) => void
  #missing: number

  constructor(count: number, resolve: (results: Result[]) => void) {
    this.#results = Array.from({ length: count })
    this.#resolve = resolve
    this.#missing = count
  }

  settle(index: number, result: Result): void {
    this.#results[index] = result
    if (--this.#missing === 0) this.#resolve(this.#results)
  }
}

/** One entry on its way, and where its result belongs. */
interface Parcel extends Sized {
  readonly call: Call
  readonly index: number
}

interface Lane {
  queue: Parcel[]
  underWay: number
  scheduled: boolean
}

/**
 * Writes entries. Calls made close together travel as one command per stream, in the order of the calls. Entries wait
 * here while there is no connection, within bounds; an entry whose reply was lost is sent again only if its
 * idempotency key makes that safe.
 */
export class Appender {
  readonly #connection: Connection
  readonly #options: Required<AppendOptions>
  readonly #lanes = new Map<string, Lane>()
  #queuedEntries = 0
  #queuedSize = 0
  #idleWaiters: (() => void)[] = []

  constructor(connection: Connection, options: AppendOptions = {}) {
    this.#connection = connection
    this.#options = { ...DEFAULTS, ...options }
  }

  append(stream: string, entries: readonly NewEntry[]): Promise<Result[]> {
    if (entries.length === 0) return Promise.resolve([])
    return new Promise((resolve) => {
      const call = new Call(entries.length, resolve)
      const lane = this.#lane(stream)
      for (let index = 0; index < entries.length; index++) {
        const { fields, idempotencyKey } = entries[index]!
        this.#enqueue(lane, { fields, idempotencyKey, size: sizeOf(fields), call, index })
      }
      this.#schedule(stream, lane)
    })
  }

  /** Resolves when nothing waits to be written any more. */
  async idle(): Promise<void> {
    if (this.#queuedEntries > 0) await new Promise<void>((resolve) => this.#idleWaiters.push(resolve))
  }

  #lane(stream: string): Lane {
    let lane = this.#lanes.get(stream)
    if (!lane) this.#lanes.set(stream, (lane = { queue: [], underWay: 0, scheduled: false }))
    return lane
  }

  #enqueue(lane: Lane, parcel: Parcel): void {
    const { maxQueuedEntries, maxQueuedSize } = this.#options
    if (
      this.#queuedEntries >= maxQueuedEntries ||
      (this.#queuedSize > 0 && this.#queuedSize + parcel.size > maxQueuedSize)
    ) {
      const message = `${this.#queuedEntries} events wait to be written; publish later`
      parcel.call.settle(parcel.index, new MillraceError('PUBLISH_QUEUE_FULL', message))
      return
    }
    this.#queuedEntries++
    this.#queuedSize += parcel.size
    lane.queue.push(parcel)
  }

  /** At the end of this turn of the event loop, so that every call of the turn travels together. */
  #schedule(stream: string, lane: Lane): void {
    if (lane.scheduled || lane.queue.length === 0 || lane.underWay >= MAX_BATCHES_UNDER_WAY) return
    lane.scheduled = true
    setImmediate(() => {
      lane.scheduled = false
      this.#flush(stream, lane)
    })
  }

  #flush(stream: string, lane: Lane): void {
    let start = 0
    while (start < lane.queue.length && lane.underWay < MAX_BATCHES_UNDER_WAY) {
      const batch = nextBatch(lane.queue, start)
      start += batch.length
      lane.underWay++
      void this.#deliver(stream, batch).finally(() => {
        lane.underWay--
        this.#schedule(stream, lane)
        if (lane.underWay === 0 && lane.queue.length === 0) this.#lanes.delete(stream)
      })
    }
    lane.queue = lane.queue.slice(start)
  }

  /** Settles every entry of the batch, come what may. */
  async #deliver(stream: string, batch: readonly Parcel[], resends = 0): Promise<void> {
    if (!this.#connection.ready) await this.#connection.whenReady(this.#options.offlineTimeoutMs)
    let results: Result[]
    try {
      results = await writeBatch(this.#connection, stream, batch, this.#options.idempotencyTtlMs)
    } catch (error) {
      return this.#recover(stream, batch, error as MillraceError, resends)
    }
    batch.forEach((parcel, index) => this.#settle(parcel, results[index]!))
  }

  async #recover(
    stream: string,
    batch: readonly Parcel[],
    error: MillraceError,
    resends: number,
  ): Promise<void> {
    if (replyCode(error) === 'OOM' && batch.length > 1) return this.#deliverHalves(stream, batch)
    if (error.code !== 'REDIS_UNCERTAIN') {
      for (const parcel of batch) this.#settle(parcel, error)
      return
    }
    const again = resends < MAX_RESENDS ? batch.filter((parcel) => parcel.idempotencyKey !== undefined) : []
    const resent = new Set(again)
    for (const parcel of batch) if (!resent.has(parcel)) this.#settle(parcel, uncertain(error))
    if (again.length > 0) await this.#deliver(stream, again, resends + 1)
  }

  /** The arguments of a batch take memory of their own in Redis, so a smaller one may still fit. */
  async #deliverHalves(stream: string, batch: readonly Parcel[]): Promise<void> {
    const middle = batch.length >> 1
    await this.#deliver(stream, batch.slice(0, middle))
    await this.#deliver(stream, batch.slice(middle))
  }

  #settle(parcel: Parcel, result: Result): void {
    this.#queuedEntries--
    this.#queuedSize -= parcel.size
    parcel.call.settle(parcel.index, result)
    if (this.#queuedEntries === 0) for (const wake of this.#idleWaiters.splice(0)) wake()
  }
}

const uncertain = (cause: MillraceError) =>
  new MillraceError(
    'PUBLISH_UNCERTAIN',
    'the reply of Redis was lost: the event may or may not be written. With an idempotency key it can be published again',
    { cause },
  )
