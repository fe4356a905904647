import { backoffMs } from '../core/backoff.ts'
import { MillraceError, toError } from '../core/errors.ts'
import { pause } from '../core/pause.ts'
import { noLog, type Log, type Service } from '../core/service.ts'
import type { StreamLog } from '../core/stream-log.ts'
import type { Tracing } from '../core/tracing.ts'
import type { Database } from './database.ts'
import { Notifications } from './notifications.ts'
import { PARTITIONS } from './outbox-row.ts'
import { ADDED_CHANNEL, DUE_PARTITIONS, PUBLISHED_CHANNEL, type DuePartition } from './outbox-statement.ts'
import { PublishedPositions, readTelling, type PublishedEvent } from './published-positions.ts'
import { resolveRelayOptions, type RelayOptions } from './relay-options.ts'
import { countedUpTo, packed } from './relay-packing.ts'
import { relayPartitions, type Pass } from './relay-pass.ts'
import { runTransaction } from './run-transaction.ts'
import { traced } from './traced.ts'

const MIN_PAUSE_MS = 50
const MAX_PAUSE_MS = 1_000
/** Why a pause ends. Without a reason each commit would make an exception of its own, with a stack that nobody sees. */
const WORD = 'there is word of something to do'

/** What a relay is doing, for health and metrics. */
export interface RelayStatus {
  /** Events that this relay published. */
  published: number
  /** When it last found out what there is to do, in ms since 1970. */
  lastLoopAt: number
}

/**
 * Publishes what the outbox holds: at once when a transaction commits, and within `pollMs` where no word comes.
 *
 * - Any number of relays share the work. One at a time publishes from a partition, so the order of a key stands; see
 *   {@link Outbox} for what that order is.
 * - A crash between publishing and deleting publishes nothing twice while Redis remembers the event's idempotency key
 *   (`idempotencyTtlMs` of the log, 10 minutes). Where no relay runs for longer than that after such a crash, events
 *   that were on their way are published again, under the same event id.
 * - While Redis or PostgreSQL is away, rows stay, and no attempt is spent. An event that Redis refuses holds up its key
 *   alone, until it is published or given up.
 */
export class OutboxRelay implements Service {
  readonly #database: Database
  readonly #log: StreamLog
  readonly #messages: Log
  readonly #options: Required<RelayOptions>
  readonly #tracing: Tracing | undefined
  readonly #positions: PublishedPositions
  readonly #notifications: Notifications
  readonly #stopping = new AbortController()
  /** Cuts off transactions that run. */
  readonly #cutting = new AbortController()
  readonly #status: RelayStatus = { published: 0, lastLoopAt: 0 }
  #running: Promise<void> | undefined
  #stopped: Promise<void> | undefined
  #failures = 0
  #wake = new AbortController()

  /** @throws InvalidError `CONFIGURATION_INVALID` */
  constructor(
    database: Database,
    log: StreamLog,
    options: RelayOptions & { log?: Log; tracing?: Tracing | undefined; positions?: PublishedPositions } = {},
  ) {
    const { log: messages = noLog, tracing, positions = new PublishedPositions(), ...relayOptions } = options
    this.#positions = positions
    this.#tracing = tracing
    this.#database = database
    this.#log = log
    this.#messages = messages
    this.#options = resolveRelayOptions(relayOptions)
    this.#notifications = new Notifications(database, {
      channels: [ADDED_CHANNEL, PUBLISHED_CHANNEL],
      onNotification: (channel, payload) => {
        if (channel === ADDED_CHANNEL) this.#wake.abort(WORD)
        else this.#positions.learn(readTelling(payload))
      },
      onListening: () => this.#wake.abort(WORD),
      log: messages,
    })
  }

  get status(): Readonly<RelayStatus> {
    return this.#status
  }

  async start(): Promise<void> {
    if (this.#stopping.signal.aborted)
      throw new MillraceError('CLOSED', 'the relay was stopped; another one can be made')
    this.#notifications.start()
    this.#running ??= this.#run()
  }

  stop(deadlineMs: number): Promise<void> {
    this.#stopped ??= this.#stop(deadlineMs)
    return this.#stopped
  }

  /**
   * The position of an event in its stream, as soon as it is published by any relay; null when that does not come to
   * be within `timeoutMs`. Ask after the transaction is committed. Relays remember the last 10,000 events.
   */
  published(eventId: string, timeoutMs: number): Promise<string | null> {
    return this.#positions.await(eventId, timeoutMs)
  }

  async #stop(deadlineMs: number): Promise<void> {
    this.#stopping.abort()
    this.#wake.abort(WORD)
    const deadline = setTimeout(() => {
      this.#cutting.abort(new MillraceError('CLOSED', 'the relay stops and publishing took too long'))
    }, deadlineMs)
    await Promise.all([this.#running, this.#notifications.stop()])
    clearTimeout(deadline)
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#wake = new AbortController()
      try {
        const moved = await this.#sweep()
        this.#failures = 0
        this.#status.lastLoopAt = Date.now()
        if (moved === 0) await pause(this.#options.pollMs, this.#wake.signal)
      } catch (error) {
        await this.#backOff(error)
      }
    }
  }

  /** Publishes once from each partition in which there is something to do; answers how many rows that concerned. */
  async #sweep(): Promise<number> {
    const { batchSize, concurrency } = this.#options
    const due = await this.#database.query<DuePartition>(DUE_PARTITIONS, [PARTITIONS, countedUpTo(batchSize)])
    const packs = packed(shuffled(due), batchSize)
    let moved = 0
    const work = async () => {
      for (let next = packs.pop(); next !== undefined; next = packs.pop()) {
        if (this.#stopping.signal.aborted) return
        moved += await this.#relay(next)
      }
    }
    const failed = (error: unknown) => {
      packs.length = 0 // whatever failed it would fail the others as well
      throw error
    }
    const workers = Array.from({ length: concurrency }, () => work().catch(failed))
    for (const end of await Promise.allSettled(workers)) if (end.status === 'rejected') throw end.reason
    return moved
  }

  async #relay(partitions: readonly number[]): Promise<number> {
    const relay = {
      log: this.#log,
      messages: this.#messages,
      options: this.#options,
      onPublished: (events: readonly PublishedEvent[]) => this.#positions.learn(events),
    }
    const pass = () =>
      runTransaction<Pass>(this.#database, (tx) => relayPartitions(tx, partitions, relay), {
        signal: this.#cutting.signal,
      })
    const { moved, published, outage } = await traced(this.#tracing, 'TRANSACTION', 'millrace_outbox', pass)
    this.#status.published += published
    if (published > 0) this.#failures = 0
    if (outage) throw outage
    return moved
  }

  async #backOff(error: unknown): Promise<void> {
    if (this.#stopping.signal.aborted) return
    if (this.#failures++ % 30 === 0)
      this.#messages.warn({ error }, `the outbox can not be relayed, trying on: ${toError(error).message}`)
    const delay = backoffMs(MIN_PAUSE_MS, this.#failures, MAX_PAUSE_MS)
    await pause(delay * (0.5 + Math.random() / 2), this.#stopping.signal)
  }
}

/** In another order each time, so that relays seldom meet. */
const shuffled = <T>(all: readonly T[]): T[] =>
  all
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
