import type { Operator } from './action-record.ts'
import type { Job, JobFilter, JobKind, JobPage, JobProgress } from './jobs.ts'

/** What a job is made of when it is written down; all of it was checked. */
export interface JobDraft extends Required<Operator> {
  readonly kind: JobKind
  readonly params: Readonly<Record<string, unknown>>
  readonly unit: JobProgress['unit']
  readonly ratePerSecond?: number
  /** The one host that may run it. */
  readonly host?: string
}

/** One run of a job. Whoever took the job later has a higher `run`, and from then on this one writes nothing. */
export interface JobLease {
  readonly id: string
  readonly run: number
}

/** A job, with what only its runners need. */
export interface JobEntry {
  readonly job: Job
  /** How often it was taken up; that of its lease while it runs. */
  readonly run: number
  readonly checkpoint?: Readonly<Record<string, unknown>>
}

/** A job that somebody should take up. */
export interface WaitingJob {
  readonly id: string
  readonly kind: JobKind
  readonly host?: string
}

/** What a runner has to know of its job while it runs. */
export interface JobOrders {
  readonly cancelled: boolean
  readonly ratePerSecond?: number
}

/** How a run ended. */
export type JobEnd =
  | { readonly state: 'done'; readonly result: Readonly<Record<string, unknown>> }
  | { readonly state: 'failed'; readonly error: NonNullable<Job['error']> }
  | { readonly state: 'interrupted' | 'cancelled' }

/**
 * Keeps jobs. Each change is one step that looks at the state first. A run whose runner was not heard of for 10 s may be
 * taken over; every write of a run is refused with `JOB_CONFLICT` once another one has the job, or it was ended.
 */
export interface JobStore {
  /**
   * At most 1000 jobs are unfinished at a time, and none of them does the same as another: `JOB_CONFLICT`.
   *
   * @param runner takes it up in the same step
   */
  create(draft: JobDraft, runner?: string): Promise<JobEntry>
  get(id: string): Promise<Job>
  list(filter: JobFilter, page: JobPage): Promise<{ jobs: Job[]; next?: string }>
  /** The oldest first. Costs one cheap command where none waits. */
  waiting(): Promise<WaitingJob[]>
  /** Undefined where somebody was faster, or it need not run any more. */
  take(id: string, runner: string): Promise<JobEntry | undefined>
  /** Says that its runner lives, and how far it is; to be called every 500 ms or so. */
  beat(lease: JobLease, progress?: JobProgress): Promise<JobOrders>
  checkpoint(lease: JobLease, state: Readonly<Record<string, unknown>>, progress: JobProgress): Promise<void>
  finish(lease: JobLease, end: JobEnd, progress: JobProgress): Promise<void>
  cancel(id: string, operator: Operator): Promise<Job>
  /** @param runner as for `create` */
  resume(id: string, operator: Operator, runner?: string): Promise<JobEntry>
  limit(id: string, ratePerSecond: number | undefined, operator: Operator): Promise<Job>
  /** Whether an error passes by itself, such as that of a server which is restarted: what failed may be tried again. */
  passes(error: unknown): boolean
}
