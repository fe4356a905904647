import { circuitBreaker, CircuitState, ConsecutiveBreaker, handleWhen } from 'cockatiel'
import type { CircuitBreakerPolicy } from 'cockatiel'
import { MillraceError } from '../../core/errors.ts'
import type { Log } from '../../core/service.ts'

export interface CircuitOptions {
  /** Failures in a row that open it. */
  failures: number
  /** How long it stays open before a publish tries it out, in ms, while Redis does not show by itself that it is back. */
  openMs: number
}

export type CircuitWord = 'closed' | 'open' | 'half-open'

type Result = string | MillraceError

/** Redis could not be asked, or did not answer. What it refused, as with OOM, it answered: others may well go through. */
const OUTAGES: ReadonlySet<unknown> = new Set(['PUBLISH_UNCERTAIN', 'REDIS_UNAVAILABLE', 'REDIS_UNCERTAIN'])

/**
 * Between the service and Redis: where Redis failed so many times in a row, publishing is refused at once instead of
 * waiting for its time-outs, and nothing queues up. Consumption has loops of its own and goes past it.
 *
 * Failures are those of publishing and of the pulse, which asks Redis twice a second. What the pulse finds closes the
 * circuit again, since without traffic nothing else would; unless publishing failed although it did so before: then
 * one publish is to try after `openMs`.
 */
export class RedisCircuit {
  readonly #options: CircuitOptions
  readonly #log: Log
  readonly #policy: CircuitBreakerPolicy
  #openedAt = 0
  /** Rises whenever it closes: what began before says nothing about now. */
  #term = 0
  /** Whether it was the pulse that closed it, and neither publishing nor the pulse has said anything since. */
  #closedByPulse = false
  #pulseIsBelieved = true
  /** Whether the last end that the policy was told of was a failure. */
  #hasFailed = false

  constructor(options: CircuitOptions, log: Log) {
    this.#options = options
    this.#log = log
    this.#policy = circuitBreaker(handleWhen(isOutage).orWhenResult(hasOutage), {
      // When it is tried is decided here, by a clock that nobody sets.
      halfOpenAfter: -Infinity,
      breaker: new ConsecutiveBreaker(options.failures),
    })
    this.#policy.onBreak(() => this.#opened())
    this.#policy.onReset(() => this.#closed())
  }

  get state(): CircuitWord {
    if (this.#policy.state === CircuitState.Closed) return 'closed'
    if (this.#policy.state === CircuitState.HalfOpen) return 'half-open'
    return this.#isDue ? 'half-open' : 'open'
  }

  /**
   * Publishes, where that has a chance.
   *
   * @throws MillraceError `CIRCUIT_OPEN` when it has none; nothing was tried then
   */
  run(publish: () => Promise<Result[]>): Promise<Result[]> {
    if (this.#policy.state === CircuitState.Closed) return this.#watch(publish)
    const isTried = this.#policy.state === CircuitState.Open && this.#isDue
    return isTried ? this.#policy.execute(publish) : Promise.reject(this.#refusal())
  }

  /**
   * For what is no publish, and tells the circuit nothing.
   *
   * @throws MillraceError `CIRCUIT_OPEN`
   */
  refuseWhileOpen(): void {
    if (this.state === 'open') throw this.#refusal()
  }

  /** Redis answered the pulse. */
  answered(): void {
    if (this.#policy.state !== CircuitState.Open || !(this.#pulseIsBelieved || this.#isDue)) return
    this.#closedByPulse = true
    void this.#policy.execute(() => [])
  }

  /** Redis did not answer the pulse. */
  failed(): void {
    this.#closedByPulse = false
    this.#pulseIsBelieved = true
    if (this.#policy.state === CircuitState.Closed) this.#count(true, () => raise(noAnswer))
  }

  get #isDue(): boolean {
    return performance.now() - this.#openedAt >= this.#options.openMs
  }

  async #watch(publish: () => Promise<Result[]>): Promise<Result[]> {
    const term = this.#term
    const count = (failed: boolean, end: () => Result[]) => {
      if (term === this.#term && this.#policy.state === CircuitState.Closed) this.#count(failed, end)
    }
    try {
      const results = await publish()
      count(hasOutage(results), () => results)
      return results
    } catch (error) {
      count(isOutage(error), () => raise(error))
      throw error
    }
  }

  /** Tells the policy how something ended that ran by itself; successes in a row are no news. */
  #count(failed: boolean, end: () => Result[]): void {
    if (!failed) this.#closedByPulse = false
    if (!failed && !this.#hasFailed) return
    this.#hasFailed = failed
    this.#policy.execute(end).catch(() => {})
  }

  #opened(): void {
    this.#openedAt = performance.now()
    this.#pulseIsBelieved = !this.#closedByPulse
    this.#log.warn({ failures: this.#options.failures }, 'The circuit around Redis is open')
  }

  #closed(): void {
    this.#term++
    this.#log.info({}, 'The circuit around Redis is closed again')
  }

  #refusal(): MillraceError {
    const message =
      'Redis failed several times in a row, so publishing is not tried at the moment; try again soon'
    return new MillraceError('CIRCUIT_OPEN', message)
  }
}

const noAnswer = new MillraceError('REDIS_UNAVAILABLE', 'Redis did not answer the pulse')

const isOutage = (error: unknown): boolean => error instanceof MillraceError && OUTAGES.has(error.code)
const hasOutage = (results: unknown): boolean => (results as Result[]).some(isOutage)

function raise(error: unknown): never {
  throw error
}
