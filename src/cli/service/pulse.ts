import { answerWithin } from '../../core/answer-within.ts'
import { toError } from '../../core/errors.ts'
import { pause } from '../../core/pause.ts'
import type { HealthCheck } from '../../server/ports.ts'

export interface PulseOptions {
  /** Pause between two checks, in ms; four times as often while they fail. */
  intervalMs?: number
  /** How long an answer may take, in ms. */
  timeoutMs?: number
  /** @param again whether it did not answer before */
  onAnswer?(again: boolean): void
  onFailure?(): void
}

const INTERVAL_MS = 500
const TIMEOUT_MS = 2_000
/** How often whoever waits for an answer looks what the last check found, in ms. */
const UNTIL_ANSWER_MS = 20

/**
 * Asks a server again and again whether it answers. Whoever wants to know gets what the last check found, at once: health
 * is asked often, and above all while a server hangs.
 */
export class Pulse {
  readonly #ask: () => Promise<unknown>
  readonly #options: PulseOptions
  readonly #stopping = new AbortController()
  /** Under way still; it ends by itself, and asking beside it would only take one more connection. */
  #asking: Promise<unknown> | undefined
  #beating = false
  #last: HealthCheck = { status: 'unhealthy', error: 'not connected yet' }

  /** @param ask resolves when the server answers */
  constructor(ask: () => Promise<unknown>, options: PulseOptions = {}) {
    this.#ask = ask
    this.#options = options
  }

  /** What the last check found. */
  get check(): HealthCheck {
    return this.#last
  }

  get answers(): boolean {
    return this.#last.status === 'healthy'
  }

  /** Resolves after the first check; goes on until `stop`. */
  async start(): Promise<void> {
    await this.#beat()
    if (this.#beating) return
    this.#beating = true
    void this.#run()
  }

  /** Resolves when the server answers, which may be at once, or when `signal` is aborted. */
  async untilAnswer(signal: AbortSignal): Promise<void> {
    while (!this.answers && !signal.aborted) await pause(UNTIL_ANSWER_MS, signal)
  }

  stop(): void {
    this.#stopping.abort()
  }

  async #run(): Promise<void> {
    const { intervalMs = INTERVAL_MS } = this.#options
    const { signal } = this.#stopping
    for (;;) {
      await pause(this.answers ? intervalMs : intervalMs / 4, signal)
      if (signal.aborted) return
      await this.#beat()
    }
  }

  async #beat(): Promise<void> {
    const lastCheck = new Date().toISOString()
    const start = performance.now()
    try {
      await this.#answer()
      const again = !this.answers
      this.#last = { status: 'healthy', latency: Math.round(performance.now() - start), lastCheck }
      this.#options.onAnswer?.(again)
    } catch (thrown) {
      const error = toError(thrown)
      this.#last = { status: 'unhealthy', lastCheck, error: error.message }
      this.#options.onFailure?.()
    }
  }

  async #answer(): Promise<void> {
    const { timeoutMs = TIMEOUT_MS } = this.#options
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined))
    await answerWithin(this.#asking, timeoutMs)
  }
}
