import type { Operator } from '../core/action-record.ts'
import { MillraceError, toError } from '../core/errors.ts'
import type { JobEnd, JobEntry, JobLease, JobStore } from '../core/job-store.ts'
import type { Job, JobProgress, JobRun } from '../core/jobs.ts'
import { Pace } from '../core/pace.ts'
import { pause } from '../core/pause.ts'
import type { Log } from '../core/service.ts'

/** How often a runner says that it lives and how far it is, and hears whether to end and how fast to go, in ms. */
const BEAT_MS = 500
/** Pause before what Redis could not do is tried again, in ms. */
const FAULT_DELAY_MS = 200

type Checkpoint = Readonly<Record<string, unknown>>

/**
 * One run of a job: what the work is given, and the words that go between it and the store meanwhile. While Redis is
 * away the work goes on as far as it can; whoever took the job over is heard of with the next word.
 */
export class RunningJob implements JobRun {
  readonly id: string
  readonly operator: Required<Operator>
  readonly #job: Job
  readonly #lease: JobLease
  readonly #store: JobStore
  readonly #log: Log
  readonly #pace: Pace
  readonly #ends = new AbortController()
  readonly #cancelled = new AbortController()
  readonly #ended = new AbortController()
  readonly #beating: Promise<void>
  #ratePerSecond: number
  #resumeFrom: Checkpoint | undefined
  #progress: JobProgress
  #told: JobProgress
  #lost = false

  constructor(entry: JobEntry, store: JobStore, log: Log) {
    const { job, run, checkpoint } = entry
    this.id = job.id
    this.operator = { actor: job.actor, reason: job.reason }
    this.#job = job
    this.#lease = { id: job.id, run }
    this.#store = store
    this.#log = log
    this.#resumeFrom = checkpoint
    this.#ratePerSecond = job.ratePerSecond ?? Infinity
    this.#progress = job.progress
    this.#told = job.progress
    this.#pace = new Pace(() => this.#ratePerSecond, Infinity)
    this.#beating = this.#beat()
  }

  get job(): Job {
    return this.#job
  }

  get signal(): AbortSignal {
    return this.#ends.signal
  }

  get cancelled(): AbortSignal {
    return this.#cancelled.signal
  }

  get ratePerSecond(): number {
    return this.#ratePerSecond
  }

  get resumeFrom(): Checkpoint | undefined {
    return this.#resumeFrom
  }

  progress(progress: JobProgress): void {
    this.#progress = progress
  }

  async checkpoint(state: Checkpoint): Promise<void> {
    const progress = this.#progress
    await this.#insist(() => this.#store.checkpoint(this.#lease, state, progress))
    this.#resumeFrom = state
    this.#told = progress
  }

  pace(done: number): Promise<void> {
    return this.#pace.spend(done, this.signal)
  }

  /** The process ends: the job is for another one. */
  interrupt(): void {
    this.#ends.abort()
  }

  /**
   * Writes down how it ended, where it was not lost; as `interrupted` or `cancelled` where it was ended from outside. Tries
   * until that is written or `signal` is aborted, after which others find out by the silence. Answers what was written.
   */
  async finish(end: JobEnd, signal: AbortSignal): Promise<JobEnd['state'] | 'lost'> {
    const fact = this.#ends.signal.aborted ? this.#cut() : end
    // A beat that comes after the end would find the job lost.
    this.#ended.abort()
    await this.#beating
    if (this.#lost) return 'lost'
    try {
      await this.#insist(() => this.#store.finish(this.#lease, fact, this.#progress), signal)
      return fact.state
    } catch (error) {
      if (this.#lost) return 'lost'
      throw error
    }
  }

  /** Says nothing more of it: the work did not end in time, and others may have the job. */
  abandon(): void {
    this.#ended.abort()
  }

  #cut(): JobEnd {
    return { state: this.#cancelled.signal.aborted ? 'cancelled' : 'interrupted' }
  }

  async #beat(): Promise<void> {
    const { signal } = this.#ended
    for (;;) {
      await pause(BEAT_MS, signal)
      if (signal.aborted || this.#lost) return
      await this.#tell().catch((thrown: unknown) => {
        const error = toError(thrown)
        this.#log.debug({ job: this.id, error }, `the runner could not report: ${error.message}`)
      })
    }
  }

  async #tell(): Promise<void> {
    const progress = this.#progress
    const news = progress === this.#told ? undefined : progress
    const orders = await this.#owning(() => this.#store.beat(this.#lease, news))
    this.#told = progress
    this.#ratePerSecond = orders.ratePerSecond ?? Infinity
    if (!orders.cancelled) return
    this.#cancelled.abort()
    this.#ends.abort()
  }

  async #insist<T>(call: () => Promise<T>, signal = this.signal): Promise<T> {
    for (;;) {
      try {
        return await this.#owning(call)
      } catch (error) {
        if (signal.aborted || !this.#store.passes(error)) throw error
        await pause(FAULT_DELAY_MS, signal)
      }
    }
  }

  async #owning<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (error) {
      const code = error instanceof MillraceError ? error.code : ''
      if (code === 'JOB_CONFLICT' || code === 'UNKNOWN_JOB') {
        this.#lost = true
        this.#ends.abort()
      }
      throw error
    }
  }
}
