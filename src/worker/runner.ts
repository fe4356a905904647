import type { BatchFaults } from '../core/delivery.ts'
import { Breaker, type Circuit } from './breaker.ts'
import type { Job } from './job.ts'
import type { ResolvedOptions } from './worker-options.ts'

/** Calls handlers, where there is a circuit only while it is closed. */
export class Runner {
  readonly #options: ResolvedOptions
  readonly #breaker: Breaker | undefined

  constructor(options: ResolvedOptions) {
    this.#options = options
    this.#breaker = options.circuitBreaker && new Breaker(options.circuitBreaker)
  }

  get circuit(): Circuit {
    return this.#breaker?.circuit ?? 'closed'
  }

  /** Nothing to await where the handler did nothing asynchronous. The circuit counts a late one as a failure. */
  handle(job: Job): Promise<void> | void {
    const { handler } = this.#options
    return this.#breaker ? this.#breaker.run(() => unlessLate([job], handler(job))) : handler(job)
  }

  /** Rejects when one of them is late: then all of them are. */
  handleBatch(jobs: readonly Job[]): Promise<BatchFaults | void> {
    const call = () => unlessLate(jobs, this.#options.batchHandler!(jobs))
    return this.#breaker ? this.#breaker.run(call) : call()
  }
}

/** One promise for all of them: one for each is a good part of what a batch costs. */
async function unlessLate<T>(jobs: readonly Job[], work: Promise<T> | T): Promise<T> {
  const late = new Promise<never>((_, reject) => {
    for (const job of jobs) job.whenLate(reject)
  })
  return Promise.race([work, late])
}
