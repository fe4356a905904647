import { InvalidError } from '../../core/errors.ts'
import { pause } from '../../core/pause.ts'

export const DEFAULT_RATE_PER_SECOND = 1_000
/** Steps of a tenth of a second: a rate is kept evenly, and a signal is heard soon. */
const STEPS_PER_SECOND = 10

/** Keeps a rate, in steps. */
export class Pace {
  readonly stepSize: number
  readonly #perSecond: number
  #nextAt = 0

  /** @throws InvalidError `CONFIGURATION_INVALID` for a rate that is none */
  constructor(perSecond: number, largestStep: number) {
    if (!(perSecond > 0)) {
      const message = `must be a number above 0, not ${perSecond}`
      throw new InvalidError('CONFIGURATION_INVALID', 'such a rate can not be kept', [
        { path: 'ratePerSecond', message },
      ])
    }
    this.#perSecond = perSecond
    this.stepSize = Math.min(Math.ceil(perSecond / STEPS_PER_SECOND), largestStep)
  }

  /** Waits until `count` more would not be too many. */
  async spend(count: number, signal: AbortSignal): Promise<void> {
    const now = performance.now()
    this.#nextAt = Math.max(now, this.#nextAt) + (count * 1_000) / this.#perSecond
    // A timer is late by a millisecond or two; what is early by less than that is not worth one.
    if (this.#nextAt - now > 2) await pause(this.#nextAt - now, signal)
  }
}
