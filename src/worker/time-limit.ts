import { MillraceError } from '../core/errors.ts'
import type { Job } from './job.ts'

/** A handler is noticed to be late by at most this part of its time, or a second. */
const STEPS = 20
const MAX_STEP_MS = 1_000

/**
 * Ends what runs for longer than it may. It counts steps of a clock of its own instead of timing each start: a timer, or
 * even a promise, for every delivery would cost more than many a handler does.
 */
export class TimeLimit {
  readonly #limitMs: number
  readonly #stepMs: number
  readonly #running: () => Iterable<Job>
  readonly #onLate: (job: Job, error: Error) => void
  #timer: NodeJS.Timeout | undefined
  #step = 0

  /**
   * @param limitMs may be Infinity
   * @param running all jobs that may have begun
   * @param onLate told of a late one, unless somebody waits for that (`whenLate`) and so hears of it
   */
  constructor(limitMs: number, running: () => Iterable<Job>, onLate: (job: Job, error: Error) => void) {
    this.#limitMs = limitMs
    this.#stepMs = Math.min(MAX_STEP_MS, Math.max(1, limitMs / STEPS))
    this.#running = running
    this.#onLate = onLate
    if (limitMs !== Infinity) this.#timer = setInterval(() => this.#check(), this.#stepMs)
  }

  begin(job: Job): void {
    job.beganAt = this.#step
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #check(): void {
    this.#step++
    const before = this.#step - Math.ceil(this.#limitMs / this.#stepMs)
    for (const job of this.#running()) {
      if (job.beganAt === undefined || job.beganAt >= before || job.ending || job.isLate) continue
      const message = `the handler did not end within ${this.#limitMs} ms; raise handlerTimeoutMs if it needs longer`
      const error = new MillraceError('HANDLER_TIMEOUT', message)
      if (!job.expire(error)) this.#onLate(job, error)
    }
  }
}
