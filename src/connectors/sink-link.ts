import { backoffMs } from '../core/backoff.ts'
import { ConfigurationError, SinkError } from '../core/connector-errors.ts'
import { toError } from '../core/errors.ts'
import { pause } from '../core/pause.ts'
import { LONGEST_TIMER_MS } from '../core/require-counts.ts'
import type { Log } from '../core/service.ts'
import type { Sink, SinkContext } from '../core/sink.ts'
import { inTime } from './in-time.ts'

/**
 * `connecting` for the first time; `connected`; `unavailable` for now, and tried again; `failed`: waits until somebody
 * mends the configuration; `closed`.
 */
export type LinkState = 'connecting' | 'connected' | 'unavailable' | 'failed' | 'closed'

export interface LinkOptions {
  context: Omit<SinkContext, 'signal'>
  /** The longest pause before a failed connect is made again, in ms. */
  retryDelayMs: number
  connectTimeoutMs: number
  /** Told of each failure of the sink as a whole. */
  onFailure(error: Error): void
}

const FIRST_DELAY_MS = 100
/** Of an outage that lasts, one failure in so many is worth a line. */
const LOGGED_EACH = 30

/** Keeps a sink connected, and lets its writers wait while it is not. */
export class SinkLink {
  readonly #sink: Sink
  readonly #options: LinkOptions
  readonly #log: Log
  readonly #closing = new AbortController()
  #state: LinkState = 'connecting'
  /** Failed, and not written to since: one write tries it out, the others wait for how that ends. */
  #inDoubt = false
  #isTried = false
  /** Failures since the last write that went well. */
  #failures = 0
  #busyUntil = 0
  #connecting: Promise<void> = Promise.resolve()
  #waiters = new Set<() => void>()

  constructor(sink: Sink, options: LinkOptions) {
    this.#sink = sink
    this.#options = options
    this.#log = options.context.log
  }

  /** What can be connected is not believed before it has been written to again; what wants to be left alone takes nothing. */
  get state(): LinkState {
    const takesNothing = this.#inDoubt || performance.now() < this.#busyUntil
    return this.#state === 'connected' && takesNothing ? 'unavailable' : this.#state
  }

  /** Begins to connect, once; failures are tried again, in the background. */
  open(): void {
    this.#connecting = this.#connect(0)
  }

  /** Resolves when the sink may be written to; rejects when `signal` is aborted first. */
  async ready(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted()
      const waitMs = this.#busyUntil - performance.now()
      if (this.#state !== 'connected' || this.#isTried) await this.#changed(signal)
      else if (waitMs > 0) await pause(waitMs, signal)
      else {
        this.#isTried = this.#inDoubt
        return
      }
    }
  }

  /** A write went well, or an event was to blame: the sink is there. */
  worked(): void {
    this.#failures = 0
    if (!this.#inDoubt) return
    this.#inDoubt = this.#isTried = false
    this.#log.info({}, 'The sink is available again')
    this.#wake()
  }

  /** A write failed, and no event is to blame. Writers wait until it is mended. */
  failed(error: Error): void {
    if (this.#state !== 'connected') return
    this.#isTried = false
    if (this.#isHopeless(error)) return
    const delayMs = this.#delayAfter(error)
    if (error instanceof SinkError && error.code === 'SINK_THROTTLED') {
      // It is there, and says when.
      this.#busyUntil = Math.max(this.#busyUntil, performance.now() + delayMs)
      return this.#wake()
    }
    this.#inDoubt = true
    this.#become('unavailable')
    this.#connecting = this.#connect(delayMs)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#become('closed')
    await this.#connecting
    await this.#sink.close()
  }

  async #connect(delayMs: number): Promise<void> {
    const { signal } = this.#closing
    for (let waitMs = delayMs; !signal.aborted; waitMs = this.#delayMs()) {
      await pause(waitMs, signal)
      if (signal.aborted) return
      try {
        await this.#connectOnce(signal)
        return this.#become('connected')
      } catch (thrown) {
        if (signal.aborted) return
        if (this.#isHopeless(toError(thrown))) return
        this.#become('unavailable')
      }
    }
  }

  async #connectOnce(closing: AbortSignal): Promise<void> {
    const { context, connectTimeoutMs } = this.#options
    await inTime('connecting to the sink', connectTimeoutMs, closing, (signal) =>
      this.#sink.connect({ ...context, signal }),
    )
  }

  /** Tells of a failure. */
  #isHopeless(error: Error): boolean {
    this.#options.onFailure(error)
    if (error instanceof ConfigurationError) {
      this.#log.error({ error }, `The sink can't work until it is mended: ${error.message}`)
      this.#become('failed')
      return true
    }
    if (this.#failures % LOGGED_EACH === 0)
      this.#log.warn({ error }, `The sink is not available, trying on: ${error.message}`)
    return false
  }

  /**
   * As long as the sink says; but one that says "at once", by a date that is over or a clock that is wrong, would be asked a
   * thousand times a second. Writes that were under way together are one failure.
   */
  #delayAfter(error: Error): number {
    const { retryAfterMs = 0 } = error as Partial<SinkError>
    const askedMs = Number.isNaN(retryAfterMs) ? 0 : Math.min(retryAfterMs, LONGEST_TIMER_MS)
    const isNew = performance.now() >= this.#busyUntil
    return isNew ? Math.max(askedMs, this.#delayMs()) : askedMs
  }

  #delayMs(): number {
    return backoffMs(FIRST_DELAY_MS, this.#failures++, this.#options.retryDelayMs)
  }

  #become(state: LinkState): void {
    if (this.#state === 'closed') return
    this.#state = state
    this.#wake()
  }

  #wake(): void {
    for (const wake of this.#waiters) wake()
  }

  async #changed(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = () => {
        this.#waiters.delete(wake)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      this.#waiters.add(wake)
      signal.addEventListener('abort', wake)
    })
  }
}
