import { faultsOf, type BatchFaults } from '../core/delivery.ts'
import { MillraceError } from '../core/errors.ts'
import type { Consumer, Outcome } from '../core/stream-log.ts'
import { Beginner } from './beginner.ts'
import type { Job } from './job.ts'
import type { Lanes } from './lanes.ts'
import type { Runner } from './runner.ts'
import type { Settlements } from './settlements.ts'
import { TimeLimit } from './time-limit.ts'

export interface ExecutorParts {
  consumer: Consumer
  runner: Runner
  lanes: Lanes
  settlements: Settlements
  handlerTimeoutMs: number
  /** Aborted when nothing should start any more. */
  stopping: AbortSignal
  /** All that may have begun, but for what was lost. */
  held(): Iterable<Job>
  /** Told of what turns out to be another consumer's. */
  onLost(position: string): void
  /** A place in the pool is free again. */
  onFree(): void
}

/** Runs jobs that have a place in the pool: sees whether they may still start, calls their handler, and says how they ended. */
export class Executor {
  readonly #consumer: Consumer
  readonly #runner: Runner
  readonly #lanes: Lanes
  readonly #settlements: Settlements
  readonly #stopping: AbortSignal
  readonly #onLost: (position: string) => void
  readonly #onFree: () => void
  readonly #beginner: Beginner
  readonly #timeLimit: TimeLimit
  /** Lost, and still running. */
  readonly #strays = new Set<Job>()
  /** Ended by the time limit, while their handlers go on. */
  readonly #late = new Set<Job>()

  constructor(parts: ExecutorParts) {
    const { consumer, stopping, handlerTimeoutMs, held } = parts
    this.#consumer = consumer
    this.#runner = parts.runner
    this.#lanes = parts.lanes
    this.#settlements = parts.settlements
    this.#stopping = stopping
    this.#onLost = parts.onLost
    this.#onFree = parts.onFree
    this.#beginner = new Beginner(consumer, stopping)
    this.#timeLimit = new TimeLimit(
      handlerTimeoutMs,
      () => [...held(), ...this.#strays],
      (job, error) => this.#isLate(job, error),
    )
  }

  /** It belongs to another consumer now; its handler may go on for a while. */
  stray(job: Job): void {
    if (job.beganAt !== undefined && !job.ending) this.#strays.add(job)
  }

  stop(): void {
    this.#timeLimit.stop()
  }

  /** One in a place of the pool, which it frees, unless that was done since it is late. */
  async run(job: Job): Promise<void> {
    if (this.#startsAtOnce(job) || (await this.#startable([job])).length > 0) {
      this.#timeLimit.begin(job)
      let outcome: Outcome | undefined
      try {
        await this.#runner.handle(job)
      } catch (thrown) {
        if (!job.ending && !job.lost) outcome = this.#settlements.failed(job, thrown)
      }
      if (this.#late.size > 0 && this.#late.delete(job)) return
      if (!job.ending) this.#end(job, outcome ?? job.acknowledgement())
      if (job.lost) this.#strays.delete(job)
    }
    this.#onFree()
  }

  /** Its handler may never end: its key and its place in the pool do not wait for it. */
  #isLate(job: Job, error: Error): void {
    this.#late.add(job)
    this.#strays.delete(job)
    this.#end(job, job.lost ? job.acknowledgement() : this.#settlements.failed(job, error))
    this.#onFree()
  }

  /** All in one call of the handler, or one after the other where that fails. */
  async runBatch(batch: readonly Job[]): Promise<void> {
    const startAtOnce = batch.every((job) => this.#startsAtOnce(job))
    const jobs = startAtOnce ? batch : await this.#startable(batch)
    if (jobs.length > 0) await this.#runTogether(jobs)
    if (this.#strays.size > 0) for (const job of jobs) this.#strays.delete(job)
    this.#onFree()
  }

  async #runTogether(jobs: readonly Job[]): Promise<void> {
    for (const job of jobs) this.#timeLimit.begin(job)
    let faults: BatchFaults
    try {
      faults = faultsOf(await this.#runner.handleBatch(jobs))
    } catch (thrown) {
      return this.#batchFailed(jobs, thrown)
    }
    jobs.forEach((job, index) => {
      const fault = faults[index]
      // Where one of a key failed, those behind it went back with it: they come again, after it.
      if (!job.ending)
        this.#end(job, fault && !job.lost ? this.#settlements.failed(job, fault) : job.acknowledgement())
    })
  }

  /** What ran into its time limit may still run: nothing of it is started anew beside it. */
  async #batchFailed(jobs: readonly Job[], thrown: unknown): Promise<void> {
    const isLate = thrown instanceof MillraceError && thrown.code === 'HANDLER_TIMEOUT'
    for (const job of jobs) {
      // Where one of the same key failed meanwhile, those behind it went back with it.
      if (job.ending) continue
      if (job.lost) this.#lanes.finished(job)
      else if (isLate || jobs.length === 1) this.#end(job, this.#settlements.failed(job, thrown))
      else {
        job.again()
        await this.#runTogether([job])
      }
    }
  }

  /** Nearly all do, and it costs nothing to find out. */
  #startsAtOnce({ lost, entry: { origin } }: Job): boolean {
    return !lost && origin === 'new' && this.#consumer.mayRun && !this.#stopping.aborted
  }

  /** Those that are still ours and may start, in their order. That they start is written down for all of them at once. */
  async #startable(jobs: readonly Job[]): Promise<readonly Job[]> {
    const begun = await Promise.all(
      jobs.map((job) => job.lost || job.entry.origin === 'new' || this.#beginner.begin(job.entry)),
    )
    return jobs.filter((job, index) => this.#mayStart(job, begun[index]!))
  }

  /** Where it may not, what becomes of it is seen to. */
  #mayStart(job: Job, isBegun: boolean): boolean {
    const { position, origin } = job.entry
    if (!job.lost && this.#stopping.aborted) {
      // It may have gone back already, behind the one before it of its key.
      if (!job.ending) this.#end(job, { kind: 'release', position, attempts: job.attempt - 1 })
      return false
    }
    // First deliveries may have waited for the others. One that was lost meanwhile may be here again, as another job.
    const isOurs = isBegun && (origin !== 'new' || this.#consumer.mayRun)
    if (!job.lost && !isOurs) this.#onLost(position)
    if (job.lost) this.#lanes.finished(job)
    return !job.lost
  }

  #end(job: Job, outcome: Outcome): void {
    if (job.lost) return this.#lanes.finished(job)
    job.ending = outcome.kind
    this.#settlements.settle(job.entry, job.event, outcome)
    if (outcome.kind === 'retry' || outcome.kind === 'release') this.#lanes.waits(job, outcome.delayMs ?? 0)
    else this.#lanes.finished(job)
  }
}
