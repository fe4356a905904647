import { setTimeout as sleep } from 'node:timers/promises'
import { backoffMs } from '../core/backoff.ts'
import { MillraceError, toError } from '../core/errors.ts'
import type { Service } from '../core/service.ts'
import type { Consumer, Membership, StreamLog } from '../core/stream-log.ts'
import { pause } from '../core/pause.ts'
import type { Circuit } from './breaker.ts'
import { HandlerPool } from './handler-pool.ts'
import { Processor } from './processor.ts'
import { ReadAhead } from './read-ahead.ts'
import { requireCount } from './require-count.ts'
import { noCounts, type Counters } from './settlements.ts'
import { resolveWorkerOptions, type ResolvedOptions, type WorkerOptions } from './worker-options.ts'

/** Where nothing can be taken, the loop shows at least that often that it lives, in ms. */
const PROGRESS_MS = 2_000
/** Longest wait for entries right after a fault, in ms: that all is well again should show at once. */
const WAIT_AFTER_FAULT_MS = 50
const FIRST_FAULT_DELAY_MS = 50
/** However short the times are that heartbeats have to keep. */
const MIN_BEAT_INTERVAL_MS = 10
/** What settling and leaving may take beyond the deadline of a stop, in ms, when Redis does not answer. */
const LAST_WORDS_MS = 2_000

/** What a worker is doing, for health and metrics. */
export interface WorkerStatus extends Counters {
  stream: string
  group: string
  /**
   * When the loop last came round without a fault, in ms since 1970: a loop that hangs, or only ever fails, is not healthy,
   * whatever a PING says.
   */
  lastLoopAt: number
  /** When an entry last came. */
  lastEntryAt: number | undefined
  /** Entries in hand. */
  held: number
  /** Keys that wait for the retry of an entry of theirs. */
  blockedKeys: number
  circuit: Circuit
  paused: boolean
}

/** What several workers share. */
export interface WorkerShare {
  pool: HandlerPool
  /** Its part of the pool when there is more to do than the pool can. */
  weight: number
}

/**
 * Consumes one stream through one group: claims entries, runs the handler, settles how they ended. It reads no more
 * than the handlers need, runs the events of one key one after the other, goes on after any fault of the log, and on
 * stop hands back what it could not finish.
 */
export class Worker implements Service {
  readonly #log: StreamLog
  readonly #options: ResolvedOptions
  readonly #share: WorkerShare
  readonly #readAhead: ReadAhead
  readonly #stopping = new AbortController()
  /** Ends a claim that waits: nothing more is to be taken. */
  #taking = new AbortController()
  #batchSize: number
  #running:
    | { consumer: Consumer; processor: Processor; loop: Promise<void>; heartbeat: NodeJS.Timeout }
    | undefined
  #started: Promise<void> | undefined
  #stopped: Promise<void> | undefined
  #wakeLoop: (() => void) | undefined
  #endFaultPause: (() => void) | undefined
  #lastLoopAt = 0
  #lastEntryAt: number | undefined
  #faults = 0
  #paused = false

  /**
   * @param share a pool that others use as well; its concurrency takes the place of the worker's
   * @throws InvalidError `CONFIGURATION_INVALID`, MillraceError `NAME_INVALID`
   */
  constructor(log: StreamLog, options: WorkerOptions, share?: WorkerShare) {
    this.#log = log
    this.#options = resolveWorkerOptions(options)
    const { concurrency, maxHeld, batch } = this.#options
    this.#batchSize = batch.size
    this.#share = share ?? { pool: new HandlerPool(concurrency), weight: 1 }
    const capacity = () => this.concurrency * this.batchSize
    this.#readAhead = new ReadAhead(capacity, () => this.concurrency, maxHeld)
  }

  get status(): WorkerStatus {
    const processor = this.#running?.processor
    const { stream, group } = this.#options
    return {
      stream,
      group,
      ...(processor?.counters ?? noCounts()),
      lastLoopAt: this.#lastLoopAt,
      lastEntryAt: this.#lastEntryAt,
      held: processor?.held ?? 0,
      blockedKeys: processor?.blockedKeys ?? 0,
      circuit: processor?.circuit ?? 'closed',
      paused: this.#paused,
    }
  }

  /** Handlers that run at once; of a shared pool, those of all who share it. */
  get concurrency(): number {
    return this.#share.pool.concurrency
  }

  /** What runs goes on. @throws InvalidError `CONFIGURATION_INVALID` for what is no whole number from 1 on */
  set concurrency(concurrency: number) {
    this.#share.pool.resize(concurrency)
    this.#wakeLoop?.()
  }

  /** Events in one call of the handler, at most: 1 unless it takes batches. */
  get batchSize(): number {
    return this.#batchSize
  }

  /**
   * From the next batch on; nothing comes of it where the handler takes single events.
   *
   * @throws InvalidError `CONFIGURATION_INVALID` for what is no whole number from 1 on
   */
  set batchSize(size: number) {
    if (!this.#options.batchHandler) return
    requireCount('batch.size', size)
    this.#batchSize = size
    this.#running?.processor.resizeBatches(size)
    this.#wakeLoop?.()
  }

  /** Takes nothing more until `resume`; what is in hand goes on. Other members of the group are not told. */
  pause(): void {
    this.#paused = true
    this.#taking.abort()
  }

  resume(): void {
    if (!this.#paused || this.#stopping.signal.aborted) return
    this.#paused = false
    this.#taking = new AbortController()
    this.#wakeLoop?.()
  }

  /** What failed may go well now: a pause after faults ends at once. */
  tryAgain(): void {
    this.#faults = Math.min(this.#faults, 1)
    this.#endFaultPause?.()
  }

  /** Calling it twice starts once; after a failure it may be called again, after `stop` it is `CLOSED`. */
  start(): Promise<void> {
    this.#started ??= this.#start().catch((error: unknown) => {
      this.#started = undefined
      throw error
    })
    return this.#started
  }

  async #start(): Promise<void> {
    this.#refuseIfStopped()
    const consumer = await this.#log.join(membershipOf(this.#options))
    if (this.#stopping.signal.aborted) await consumer.leave()
    this.#refuseIfStopped()
    const processor = new Processor(consumer, this.#options, {
      ...this.#share,
      stopping: this.#stopping.signal,
      onRoom: (settled) => {
        this.#readAhead.finished(settled)
        this.#wakeLoop?.()
      },
    })
    const heartbeat = setInterval(() => void this.#beat(consumer, processor), beatEveryMs(this.#options))
    if (this.#options.batchHandler) processor.resizeBatches(this.#batchSize)
    this.#running = { consumer, processor, heartbeat, loop: this.#loop(consumer, processor) }
  }

  #refuseIfStopped(): void {
    if (this.#stopping.signal.aborted)
      throw new MillraceError('CLOSED', 'the worker was stopped; another one can be made')
  }

  stop(deadlineMs: number): Promise<void> {
    this.#stopped ??= this.#stop(deadlineMs)
    return this.#stopped
  }

  async #stop(deadlineMs: number): Promise<void> {
    this.#stopping.abort()
    this.#taking.abort()
    if (this.#started)
      await within(
        this.#started.catch(() => {}),
        deadlineMs,
      )
    if (!this.#running) return
    const { consumer, processor, loop, heartbeat } = this.#running
    const finished = loop.then(() => processor.finish())
    if (!(await within(finished, deadlineMs))) {
      processor.abandon()
      await within(finished, LAST_WORDS_MS)
    }
    clearInterval(heartbeat)
    await within(processor.close(), LAST_WORDS_MS)
    const left = await within(
      consumer.leave().catch((error: unknown) => this.#warn(error, 'the group could not be left')),
      LAST_WORDS_MS,
    )
    if (!left)
      this.#warn(
        undefined,
        'the group could not be left in time; others take over when the heartbeat is missed',
      )
  }

  async #loop(consumer: Consumer, processor: Processor): Promise<void> {
    const { signal } = this.#stopping
    this.#lastLoopAt = Date.now()
    while (!signal.aborted) {
      const room = this.#room(processor)
      try {
        if (room === 0) await this.#progress()
        else await this.#take(consumer, processor, room)
        this.#lastLoopAt = Date.now()
        this.#faults = 0
      } catch (error) {
        await this.#backOff(error)
      }
    }
  }

  /** An open circuit is tried with one event. */
  #room(processor: Processor): number {
    const { circuit, held } = processor
    if (this.#paused || circuit === 'open') return 0
    if (circuit === 'half-open') return held === 0 ? 1 : 0
    return this.#readAhead.room(processor)
  }

  async #take(consumer: Consumer, processor: Processor, room: number): Promise<void> {
    const { pollMs } = this.#options
    const waitMs = this.#faults > 0 ? Math.min(pollMs, WAIT_AFTER_FAULT_MS) : pollMs
    const claims = await consumer.claim(room, waitMs, this.#taking.signal)
    if (claims.length === 0) return
    this.#lastEntryAt = Date.now()
    this.#readAhead.took(claims)
    await processor.accept(claims)
  }

  /** Resolves when something was settled, or after a while, so that the loop is seen to live. */
  async #progress(): Promise<void> {
    await this.#pause(PROGRESS_MS, (end) => (this.#wakeLoop = end))
  }

  /** @param offer is given what ends the pause early, and nothing when it is over */
  async #pause(ms: number, offer: (end: (() => void) | undefined) => void): Promise<void> {
    const timer = new AbortController()
    this.#stopping.signal.addEventListener('abort', () => timer.abort(), { signal: timer.signal })
    offer(() => timer.abort())
    await pause(ms, timer.signal)
    offer(undefined)
    timer.abort()
  }

  async #backOff(error: unknown): Promise<void> {
    if (this.#faults++ % 30 === 0) this.#warn(error, `claiming failed, trying on: ${toError(error).message}`)
    const delay = backoffMs(FIRST_FAULT_DELAY_MS, this.#faults, this.#options.maxFaultDelayMs)
    await this.#pause(delay * (0.75 + Math.random() / 4), (end) => (this.#endFaultPause = end))
  }

  async #beat(consumer: Consumer, processor: Processor): Promise<void> {
    try {
      processor.lose(await consumer.heartbeat())
    } catch (error) {
      this.#options.log.debug({ error }, 'a heartbeat failed')
    }
  }

  #warn(error: unknown, message: string): void {
    const { stream, group } = this.#options
    this.#options.log.warn({ error, stream, group }, message)
  }
}

/** Often enough for ours, which look at heartbeats, and for other software, which looks at how long an entry is idle. */
const beatEveryMs = ({ deadAfterMs, minIdleMs }: ResolvedOptions): number =>
  Math.max(MIN_BEAT_INTERVAL_MS, Math.min(deadAfterMs, minIdleMs) / 3)

function membershipOf(options: ResolvedOptions): Membership {
  const { stream, group, consumer, start, deadAfterMs, minIdleMs, claimIntervalMs, order, rateLimit } =
    options
  const membership: Membership = { stream, group, consumer, start, deadAfterMs, minIdleMs, claimIntervalMs }
  if (order === 'key') membership.exclusive = true
  if (rateLimit) membership.rateLimit = rateLimit
  return membership
}

/** Whether the work ended within the time; it is not stopped by it. */
async function within(work: Promise<unknown>, ms: number): Promise<boolean> {
  const timer = new AbortController()
  const timeout = sleep(ms, false, { signal: timer.signal }).catch(() => false)
  const ended = await Promise.race([work.then(() => true), timeout])
  timer.abort()
  return ended
}
