import { setTimeout as sleep } from 'node:timers/promises'
import { sizeOf } from '../../core/entry-size.ts'
import { MillraceError } from '../../core/errors.ts'
import type { NewEntry } from '../../core/stream-log.ts'
import { nextBatch, writeBatch, type Sized } from './batch.ts'
import { DurableWrites } from './durable.ts'
import type { Connection } from '../connection.ts'
import { canWait, notAStream, replyCode } from '../errors.ts'

export interface AppendOptions {
  /** How long an idempotency key is remembered, in ms (10 minutes). */
  idempotencyTtlMs?: number
  /**
   * How long entries, and single calls such as joining a group, wait for a Redis that can take them before they fail with
   * nothing written, in ms (10000).
   */
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
/** Pause before what Redis could not write at the moment is tried again. */
const BACK_OFF_MS = 100
/** How often a batch whose reply was lost is sent again, where its keys make that safe. */
const MAX_RESENDS = 5

type Result = string | MillraceError

/** One call of `append`: its results come in any order, and it is answered when all are there. */
class Call {
  /** See {@link Shipment}. */
  readonly expiresAt: number
  readonly #results: Result[]
  readonly #resolve: (results: Result[]) => void
  #missing: number

  constructor(count: number, expiresAt: number, resolve: (results: Result[]) => void) {
    this.expiresAt = expiresAt
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

/** A batch on its way. */
interface Shipment {
  readonly stream: string
  readonly batch: readonly Parcel[]
  /** When it has waited for long enough, on the clock of `performance.now`. */
  readonly expiresAt: number
  /** How often its reply was lost. */
  readonly resends: number
  /** Whether others of its stream are under way at the same time. */
  readonly inCompany: boolean
}

interface Lane {
  queue: Parcel[]
  underWay: number
  scheduled: boolean
}

/**
 * Writes entries. Calls made close together travel as one command per stream, in the order of the calls. Entries wait
 * here while there is no connection, within bounds; an entry whose reply was lost is sent again only if its
 * idempotency key makes that safe. What is sent again can come after later calls: await a publish where order counts.
 */
export class Appender {
  readonly #connection: Connection
  readonly #durable: DurableWrites
  readonly #options: Required<AppendOptions>
  readonly #lanes = new Map<string, Lane>()
  #queuedEntries = 0
  #queuedSize = 0
  #idleWaiters: (() => void)[] = []

  constructor(connection: Connection, options: AppendOptions = {}) {
    this.#connection = connection
    this.#durable = new DurableWrites(connection)
    this.#options = { ...DEFAULTS, ...options }
  }

  append(stream: string, entries: readonly NewEntry[]): Promise<Result[]> {
    if (entries.length === 0) return Promise.resolve([])
    return new Promise((resolve) => {
      const call = new Call(entries.length, performance.now() + this.#options.offlineTimeoutMs, resolve)
      const lane = this.#lane(stream)
      for (let index = 0; index < entries.length; index++) {
        const { fields, idempotencyKey, durability } = entries[index]!
        this.#enqueue(lane, { fields, idempotencyKey, durability, size: sizeOf(fields), call, index })
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
    if (!isEntry(parcel)) {
      const message = 'an entry is a list of names and values in turn, all of them strings, and not empty'
      parcel.call.settle(parcel.index, new MillraceError('EVENT_INVALID', message))
      return
    }
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
      const inCompany = lane.underWay > 0 || start < lane.queue.length
      lane.underWay++
      const { expiresAt } = batch[0]!.call
      void this.#deliver({ stream, batch, expiresAt, resends: 0, inCompany }).finally(() => {
        lane.underWay--
        this.#schedule(stream, lane)
        if (lane.underWay === 0 && lane.queue.length === 0) this.#lanes.delete(stream)
      })
    }
    lane.queue = lane.queue.slice(start)
  }

  /** Settles every entry of the batch, come what may. */
  async #deliver(shipment: Shipment): Promise<void> {
    const { stream, batch, expiresAt } = shipment
    let results: Result[]
    try {
      await this.#connection.whenReady(expiresAt - performance.now(), stream)
      results = await this.#write(shipment)
    } catch (error) {
      return this.#recover(shipment, error as MillraceError)
    }
    batch.forEach((parcel, index) => this.#settle(parcel, results[index]!))
  }

  #write({ stream, batch, inCompany }: Shipment): Promise<Result[]> {
    const [{ durability }] = batch as [Parcel]
    const options = { ttlMs: this.#options.idempotencyTtlMs, inCompany }
    return durability
      ? this.#durable.write(stream, batch, options, durability)
      : writeBatch(this.#connection, stream, batch, options)
  }

  async #recover(shipment: Shipment, error: MillraceError): Promise<void> {
    const { stream, batch, expiresAt, resends } = shipment
    if (replyCode(error) === 'OOM' && batch.length > 1) return this.#deliverHalves(shipment)
    if (error.code === 'REDIS_UNCERTAIN') return this.#resend(shipment, error)
    if (canWait(error) && performance.now() < expiresAt) {
      await sleep(BACK_OFF_MS)
      return this.#deliver(shipment)
    }
    const reason = replyCode(error) === 'WRONGTYPE' ? notAStream(stream, error) : error
    for (const parcel of batch) this.#settle(parcel, resends > 0 ? uncertain(error) : reason)
  }

  /** What was perhaps written is safe to write again only under its key; it gets the full time to wait once more. */
  async #resend(shipment: Shipment, error: MillraceError): Promise<void> {
    const { batch, resends } = shipment
    const again = resends < MAX_RESENDS ? batch.filter((parcel) => parcel.idempotencyKey !== undefined) : []
    const resent = new Set(again)
    for (const parcel of batch) if (!resent.has(parcel)) this.#settle(parcel, uncertain(error))
    if (again.length === 0) return
    const expiresAt = performance.now() + this.#options.offlineTimeoutMs
    await this.#deliver({ ...shipment, batch: again, expiresAt, resends: resends + 1 })
  }

  /** The arguments of a batch take memory of their own in Redis, so a smaller one may still fit. */
  async #deliverHalves(shipment: Shipment): Promise<void> {
    const { batch } = shipment
    const middle = batch.length >> 1
    await this.#deliver({ ...shipment, batch: batch.slice(0, middle) })
    await this.#deliver({ ...shipment, batch: batch.slice(middle) })
  }

  #settle(parcel: Parcel, result: Result): void {
    this.#queuedEntries--
    this.#queuedSize -= parcel.size
    parcel.call.settle(parcel.index, result)
    if (this.#queuedEntries === 0) for (const wake of this.#idleWaiters.splice(0)) wake()
  }
}

/** What is not can't be counted, and as part of a script it would fail after others were written. */
const isEntry = ({ fields, size }: Parcel): boolean =>
  fields.length > 0 && fields.length % 2 === 0 && !Number.isNaN(size)

const uncertain = (cause: MillraceError) =>
  new MillraceError(
    'PUBLISH_UNCERTAIN',
    'the reply of Redis was lost: the event may or may not be written. With an idempotency key it can be published again',
    { cause },
  )
