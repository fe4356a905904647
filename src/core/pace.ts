import { InvalidError } from './errors.ts'
import { pause } from './pause.ts'

export const DEFAULT_RATE_PER_SECOND = 1_000
/** Steps of a tenth of a second: a rate is kept evenly, and a signal is heard soon. */
const STEPS_PER_SECOND = 10
/** A rate that changes while somebody waits for it is heard of within so many ms. */
const LONGEST_PAUSE_MS = 250
/** A timer is late by a millisecond or two; what is early by less than that is not worth one. */
const SHORTEST_PAUSE_MS = 2

/** What a late timer cost is made up for, up to so many ms. */
const CREDIT_MS = 20

/** So many a second, Infinity for no limit; a function is asked anew for each step. */
export type Rate = number | (() => number)

/** Keeps a rate, in steps. */
export class Pace {
  readonly #rate: () => number
  readonly #largestStep: number
  /** What was spent and is not yet earned; below 0 what was earned and not spent. */
  #debt = 0
  #settledAt = performance.now()

  /** @throws InvalidError `CONFIGURATION_INVALID` for a rate that is none */
  constructor(rate: Rate, largestStep: number) {
    this.#rate = typeof rate === 'function' ? rate : () => rate
    this.#largestStep = largestStep
    const perSecond = this.#rate()
    if (perSecond > 0) return
    const message = `must be a number above 0, not ${perSecond}`
    throw new InvalidError('CONFIGURATION_INVALID', 'such a rate can not be kept', [
      { path: 'ratePerSecond', message },
    ])
  }

  get stepSize(): number {
    return Math.min(Math.ceil(this.#rate() / STEPS_PER_SECOND), this.#largestStep)
  }

  /** Waits until `count` more would not be too many. */
  async spend(count: number, signal: AbortSignal): Promise<void> {
    this.#settle()
    // What was free when it was spent is not to be earned after a change of the rate.
    if (this.#rate() < Infinity) this.#debt += count
    while (!signal.aborted) {
      const leftMs = (this.#debt * 1_000) / this.#rate()
      if (leftMs <= SHORTEST_PAUSE_MS) return
      await pause(Math.min(leftMs, LONGEST_PAUSE_MS), signal)
      this.#settle()
    }
  }

  #settle(): void {
    const now = performance.now()
    const perSecond = this.#rate()
    const earned = (ms: number) => (ms * perSecond) / 1_000
    const debt = this.#debt - earned(now - this.#settledAt)
    this.#debt = perSecond === Infinity ? 0 : Math.max(-earned(CREDIT_MS), debt)
    this.#settledAt = now
  }
}
