import { BrokenCircuitError, circuitBreaker, CircuitState, ConsecutiveBreaker, handleWhen } from 'cockatiel'
import type { CircuitBreakerPolicy } from 'cockatiel'
import { Postpone, RetryLater, Reject } from '../core/delivery.ts'
import { MillraceError } from '../core/errors.ts'

/** When a worker stops asking what its handlers need: a service that is down gets no better by being called. */
export interface BreakerOptions {
  /** Failures in a row that open the circuit (5). What a handler rejects, or wants later, is none. */
  failures?: number
  /** How long it stays open before one event tries it out, in ms (30000). */
  openMs?: number
}

export type Circuit = 'closed' | 'open' | 'half-open'

/** Opens after failures in a row; then nothing runs for a while, then one alone, whose end decides. */
export class Breaker {
  readonly #policy: CircuitBreakerPolicy
  readonly #openMs: number
  #opensAgainAt = 0

  constructor({ failures, openMs }: Required<BreakerOptions>) {
    this.#openMs = openMs
    this.#policy = circuitBreaker(handleWhen(isFailure), {
      halfOpenAfter: openMs,
      breaker: new ConsecutiveBreaker(failures),
    })
    this.#policy.onBreak(() => (this.#opensAgainAt = performance.now() + this.#openMs))
  }

  get circuit(): Circuit {
    if (this.#policy.state === CircuitState.Closed) return 'closed'
    return this.waitMs > 0 ? 'open' : 'half-open'
  }

  /** How long nothing will run, in ms. */
  get waitMs(): number {
    if (this.#policy.state !== CircuitState.Open) return 0
    return Math.max(0, this.#opensAgainAt - performance.now())
  }

  /** @throws Postpone when nothing was run */
  async run<T>(work: () => Promise<T> | T): Promise<T> {
    try {
      return await this.#policy.execute(work)
    } catch (error) {
      throw error instanceof BrokenCircuitError ? new Postpone(this.waitMs, 'the circuit is open') : error
    }
  }
}

const isFailure = (error: unknown): boolean =>
  !(error instanceof Reject || error instanceof RetryLater) &&
  !(error instanceof MillraceError && error.code.startsWith('EVENT_'))
