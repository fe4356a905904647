import type { Operator } from './action-record.ts'

/** Long work that an operator starts; the jobs of an app, which come by a timetable, are its schedules. */
export const JOB_KINDS = ['replay', 'copy', 'redrive', 'discard', 'trim', 'backup', 'restore'] as const
export type JobKind = (typeof JOB_KINDS)[number]

/**
 * `queued`: no runner has it. `running`: one has, and is heard of. `interrupted`: its runner ended or died; another one
 * takes it up, or `resume` does where none may. `cancelled`, `done` and `failed` are the ends; what failed can be resumed.
 */
export type JobState = 'queued' | 'running' | 'interrupted' | 'cancelled' | 'done' | 'failed'

export interface JobProgress {
  /** How much is done, and of how much where that is known, in `unit`. */
  readonly done: number
  readonly total?: number
  readonly unit: 'entries' | 'letters' | 'streams'
  /** What it is at, in a few words. */
  readonly note?: string
}

/** How a job stands. It is remembered for 7 days after its end. */
export interface Job {
  /** Grows in the order in which jobs were started. */
  readonly id: string
  readonly kind: JobKind
  /** As they were given and checked. */
  readonly params: Readonly<Record<string, unknown>>
  readonly state: JobState
  readonly progress: JobProgress
  /** How much of its unit it may do in a second; absent for as much as it can. */
  readonly ratePerSecond?: number
  /** Who started it, and why. */
  readonly actor: string
  readonly reason: string
  /** ISO 8601 in UTC, by the server's clock. */
  readonly createdAt: string
  readonly startedAt?: string
  readonly updatedAt: string
  readonly finishedAt?: string
  /** The process that runs it, or ran it last. */
  readonly runner?: string
  /** The one host that can run it, since it needs a file there. */
  readonly host?: string
  /** What came of it, by its kind. */
  readonly result?: Readonly<Record<string, unknown>>
  /** What it failed with. */
  readonly error?: { readonly code: string; readonly message: string }
  /** Who did what to it: started, cancelled, resumed, set its rate. */
  readonly history: readonly { readonly time: string; readonly action: string; readonly actor: string }[]
}

export interface NewJob extends Operator {
  kind: JobKind
  /** Checked by the kind; `InvalidError` with every mistake. */
  params: Readonly<Record<string, unknown>>
  ratePerSecond?: number
}

/** What a job would do if it began now. */
export interface JobPreview {
  readonly kind: JobKind
  /** As they would be run, with all defaults in them. */
  readonly params: Readonly<Record<string, unknown>>
  /** How much would be done. */
  readonly count: number
  readonly unit: JobProgress['unit']
  /** False where there is more than was counted. */
  readonly complete: boolean
  /** What else there is to know before, by its kind: such as what would be refused, or who keeps entries. */
  readonly detail: Readonly<Record<string, unknown>>
}

export interface JobFilter {
  kind?: JobKind
  state?: JobState
}

export interface JobPage {
  after?: string
  /** 1 to 500 (50). */
  limit?: number
}

/**
 * Long work: durable, with progress, a rate limit, an end on demand, and another runner after a crash. A job goes on
 * where it was, and nothing is done twice. `UNKNOWN_JOB` for an id that is not there; `JOB_CONFLICT` for what its state
 * does not allow, such as cancelling one that is done, which says so.
 */
export interface Jobs {
  /** What it would do; changes nothing. Refuses what `start` refuses. */
  preview(kind: JobKind, params: Readonly<Record<string, unknown>>): Promise<JobPreview>
  /**
   * Writes it down; a runner takes it up within a second or so. What can't work at all is refused here, and so is what an
   * unfinished job does already: `JOB_CONFLICT` names that one.
   */
  start(job: NewJob): Promise<Job>
  /** Newest first. A page may hold fewer than asked for, even none, and yet `next`. */
  list(filter?: JobFilter, page?: JobPage): Promise<{ jobs: Job[]; next?: string }>
  get(id: string): Promise<Job>
  /**
   * Ends it between two steps; what was done stays done. Answers how it stands, which may be `running` a while yet. One
   * that failed lets go of what it kept from being trimmed.
   */
  cancel(id: string, operator: Operator): Promise<Job>
  /** Takes up a job that was interrupted, was cancelled or failed, where it was. */
  resume(id: string, operator: Operator): Promise<Job>
  /** From its next step on; undefined for no limit. */
  limit(id: string, ratePerSecond: number | undefined, operator: Operator): Promise<Job>
  /** How the job stands, now and whenever that changes, until it has ended or `signal` is aborted. */
  watch(id: string, signal: AbortSignal): AsyncIterable<Job>
}

/** What one run of a job works with. */
export interface JobRun {
  readonly id: string
  readonly operator: Required<Operator>
  /** Aborted when it is cancelled, or this process ends, or the job was lost to another runner: end between two steps. */
  readonly signal: AbortSignal
  /** Aborted, before `signal` is, when somebody cancelled it: let go of what would only be needed to go on soon. */
  readonly cancelled: AbortSignal
  /** How much it may do in a second by now; Infinity without a limit. */
  readonly ratePerSecond: number
  /** What `checkpoint` was last given, in this run or one before. */
  readonly resumeFrom: Readonly<Record<string, unknown>> | undefined
  /** Tells how far it is; cheap, and written down from time to time. */
  progress(progress: JobProgress): void
  /** Writes durably where to go on; rejects with `JOB_CONFLICT` when another runner has the job by now. */
  checkpoint(state: Readonly<Record<string, unknown>>): Promise<void>
  /** Waits as long as the rate asks for after so much was done; the rate may change meanwhile. */
  pace(done: number): Promise<void>
}

/** How one kind of job is done. */
export interface JobWork<P extends Readonly<Record<string, unknown>> = Readonly<Record<string, unknown>>> {
  readonly kind: JobKind
  /**
   * What will be run, with all defaults in it: JSON. Anything that can be known to be impossible is refused here.
   *
   * @throws InvalidError, or MillraceError such as `UNKNOWN_STREAM`
   */
  check(params: Readonly<Record<string, unknown>>): Promise<P>
  /** What `run` would do; changes nothing. */
  preview(params: P): Promise<Pick<JobPreview, 'count' | 'unit' | 'complete' | 'detail'>>
  /** Whether it reads or writes a file of this machine, so that no other can run it. */
  readonly local: boolean
  /**
   * Does it, or what is left of it: a run that died is followed by another. Resolves with the result; when `signal` was
   * aborted what it resolves with is not kept. What it rejects with fails the job, but an error of Redis that passes: then
   * it is called again, with what was last given to `checkpoint`.
   */
  run(params: P, run: JobRun): Promise<Readonly<Record<string, unknown>>>
  /** It was cancelled while nobody ran it: lets go of what would only be needed to go on soon, as `run` does. */
  letGo?(params: P, id: string): Promise<void>
}
