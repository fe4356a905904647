import { MillraceError } from '../core/errors.ts'
import type { NewEntry } from '../core/stream-log.ts'
import { entrySize, nextBatch, writeBatch, type Batch } from './batch.ts'
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

/** One entry on its way, and where its result belongs. */
interface Parcel extends NewEntry {
  size: number
  settle(result: Result): void
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
    return new Promise((resolve) => {
      const results: Result[] = Array.from({ length: entries.length })
      let missing = entries.length
      if (missing === 0) resolve(results)
      const lane = this.#lane(stream)
      entries.forEach((entry, index) => {
        this.#enqueue(lane, entry, (result) => {
          results[index] = result
          if (--missing === 0) resolve(results)
        })
      })
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

  #enqueue(lane: Lane, { fields, idempotencyKey }: NewEntry, settle: (result: Result) => void): void {
    const size = entrySize({ fields })
    const { maxQueuedEntries, maxQueuedSize } = this.#options
    if (
      this.#queuedEntries >= maxQueuedEntries ||
      (this.#queuedSize > 0 && this.#queuedSize + size > maxQueuedSize)
    ) {
      settle(
        new MillraceError(
          'PUBLISH_QUEUE_FULL',
          `${this.#queuedEntries} events wait to be written; publish later`,
        ),
      )
      return
    }
    this.#queuedEntries++
    this.#queuedSize += size
    lane.queue.push({ fields, ...(idempotencyKey === undefined ? {} : { idempotencyKey }), size, settle })
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
      start += batch.entries.length
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
  async #deliver(stream: string, batch: Batch<Parcel>, resends = 0): Promise<void> {
    if (!this.#connection.ready) await this.#connection.whenReady(this.#options.offlineTimeoutMs)
    let results: Result[]
    try {
      results = await writeBatch(this.#connection, stream, batch, this.#options.idempotencyTtlMs)
    } catch (error) {
      return this.#recover(stream, batch, error as MillraceError, resends)
    }
    batch.entries.forEach((parcel, index) => this.#settle(parcel, results[index]!))
  }

  async #recover(stream: string, batch: Batch<Parcel>, error: MillraceError, resends: number): Promise<void> {
    if (replyCode(error) === 'OOM' && batch.entries.length > 1) return this.#deliverHalves(stream, batch)
    if (error.code !== 'REDIS_UNCERTAIN') {
      for (const parcel of batch.entries) this.#settle(parcel, error)
      return
    }
    const again =
      resends < MAX_RESENDS ? batch.entries.filter((parcel) => parcel.idempotencyKey !== undefined) : []
    const resent = new Set(again)
    for (const parcel of batch.entries) if (!resent.has(parcel)) this.#settle(parcel, uncertain(error))
    if (again.length > 0) await this.#deliver(stream, { entries: again, bytes: batch.bytes }, resends + 1)
  }

  /** The arguments of a batch take memory of their own in Redis, so a smaller one may still fit. */
  async #deliverHalves(stream: string, { entries }: Batch<Parcel>): Promise<void> {
    const middle = entries.length >> 1
    for (const half of [entries.slice(0, middle), entries.slice(middle)]) {
      await this.#deliver(stream, { entries: half, bytes: half.reduce((sum, { size }) => sum + size, 0) })
    }
  }

  #settle(parcel: Parcel, result: Result): void {
    this.#queuedEntries--
    this.#queuedSize -= parcel.size
    parcel.settle(result)
    if (this.#queuedEntries === 0) for (const wake of this.#idleWaiters.splice(0)) wake()
  }
}

const uncertain = (cause: MillraceError) =>
  new MillraceError(
    'PUBLISH_UNCERTAIN',
    'the reply of Redis was lost: the event may or may not be written. With an idempotency key it can be published again',
    { cause },
  )
