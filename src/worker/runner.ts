import { MillraceError } from '../core/errors.ts'
import { Breaker, type Circuit } from './breaker.ts'
import { Deadlines } from './deadlines.ts'
import type { Job } from './job.ts'
import type { ResolvedOptions } from './worker-options.ts'

/** Calls handlers: within their time limit, and only while the circuit is closed. */
export class Runner {
  readonly #options: ResolvedOptions
  readonly #deadlines: Deadlines
  readonly #breaker: Breaker | undefined

  constructor(options: ResolvedOptions) {
    this.#options = options
    this.#deadlines = new Deadlines(options.handlerTimeoutMs)
    this.#breaker = options.circuitBreaker && new Breaker(options.circuitBreaker)
  }

  get circuit(): Circuit {
    return this.#breaker?.circuit ?? 'closed'
  }

  /** Nothing to await where the handler did nothing asynchronous. */
  handle(job: Job): Promise<void> | void {
    return this.#breaker ? this.#breaker.run(() => this.#call(job)) : this.#call(job)
  }

  handleBatch(jobs: readonly Job[]): Promise<void> | void {
    const call = () => this.#limit(jobs, this.#options.batchHandler!(jobs))
    return this.#breaker ? this.#breaker.run(call) : call()
  }

  /** Nothing ends by its time limit any more. */
  stop(): void {
    this.#deadlines.stop()
  }

  #call(job: Job): Promise<void> | void {
    const work = this.#options.handler(job)
    return work && this.#limit([job], work)
  }

  #limit(jobs: readonly Job[], work: Promise<void> | void): Promise<void> | void {
    if (typeof work?.then !== 'function') return
    return this.#deadlines.limit(work, () => {
      const error = new MillraceError(
        'HANDLER_TIMEOUT',
        `the handler did not end within ${this.#options.handlerTimeoutMs} ms; raise handlerTimeoutMs if it needs longer`,
      )
      for (const job of jobs) job.abort(error)
      return error
    })
  }
}
