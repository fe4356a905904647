import { setMaxListeners } from 'node:events'
import { hostname } from 'node:os'
import { errorName, toError } from '../core/errors.ts'
import type { JobEnd, JobEntry, JobStore, WaitingJob } from '../core/job-store.ts'
import type { JobKind, JobWork } from '../core/jobs.ts'
import { pause } from '../core/pause.ts'
import { redactText } from '../core/redact.ts'
import { requireCounts } from '../core/require-counts.ts'
import { noLog, type Log, type Service } from '../core/service.ts'
import { RunningJob } from './running-job.ts'

/** How often it looks for jobs that wait, in ms. */
const POLL_MS = 1_000
/** Pause before a job goes on that Redis was in the way of, in ms. */
const FAULT_DELAY_MS = 500
const MAX_MESSAGE_LENGTH = 2_000

export interface JobRunnerOptions {
  /** Shown as the runner of its jobs (host and process id). */
  name?: string
  /** Where jobs that need a file of one host run (the name of this one). */
  host?: string
  /** How many jobs run at the same time (2). */
  concurrency?: number
  /** `own` runs only what was started or resumed here (`any`). */
  takes?: 'any' | 'own'
  log?: Log
}

/**
 * Runs jobs that wait: those of the kinds it was given the work for. Any number of runners may live at once; a job is
 * run by one of them. `stop` has each end between two steps and hands it back, so that another runner goes on at once.
 */
export class JobRunner implements Service {
  readonly name: string
  readonly host: string
  readonly takes: 'any' | 'own'
  readonly #store: JobStore
  readonly #works: ReadonlyMap<JobKind, JobWork>
  readonly #concurrency: number
  readonly #log: Log
  readonly #running = new Map<RunningJob, Promise<void>>()
  readonly #stopping = new AbortController()
  readonly #cutOff = new AbortController()
  #knock = new AbortController()
  #loop: Promise<void> | undefined
  #lastLoopAt = 0
  #warned = false

  /** @throws InvalidError `CONFIGURATION_INVALID` for a concurrency that is none */
  constructor(store: JobStore, works: readonly JobWork[], options: JobRunnerOptions = {}) {
    const { host = hostname(), concurrency = 2, takes = 'any', log = noLog } = options
    requireCounts('jobs can not be run like this', { concurrency }, ['concurrency'])
    this.name = options.name ?? `${host}:${process.pid}`
    this.host = host
    this.takes = takes
    this.#store = store
    this.#works = new Map(works.map((work) => [work.kind, work]))
    this.#concurrency = concurrency
    this.#log = log
    setMaxListeners(0, this.#cutOff.signal)
  }

  /** When the loop last came round, in ms since 1970. */
  get lastLoopAt(): number {
    return this.#lastLoopAt
  }

  async start(): Promise<void> {
    if (this.takes === 'any') this.#loop ??= this.#run()
  }

  /** Looks for jobs now. */
  look(): void {
    this.#knock.abort()
  }

  /** Runs a job that was taken up in the name of this runner. */
  adopt(entry: JobEntry): void {
    const running = new RunningJob(entry, this.#store, this.#log)
    // Whoever stops meanwhile hands it back, as any other.
    if (this.#stopping.signal.aborted) running.interrupt()
    const done = this.#finish(running).finally(() => {
      this.#running.delete(running)
      this.look()
    })
    this.#running.set(running, done)
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#stopping.abort()
    this.look()
    for (const running of this.#running.keys()) running.interrupt()
    const all = Promise.all([this.#loop, ...this.#running.values()])
    const waited = new AbortController()
    await Promise.race([all, pause(deadlineMs, waited.signal)])
    waited.abort()
    this.#cutOff.abort()
    for (const running of this.#running.keys()) running.abandon()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      this.#knock = new AbortController()
      this.#lastLoopAt = Date.now()
      await this.#fill().then(
        () => void (this.#warned = false),
        (error: unknown) => this.#warn(toError(error)),
      )
      if (!signal.aborted) await pause(POLL_MS, this.#knock.signal)
    }
  }

  async #fill(): Promise<void> {
    if (this.#running.size >= this.#concurrency) return
    for (const waiting of await this.#store.waiting()) {
      if (this.#running.size >= this.#concurrency || this.#stopping.signal.aborted) return
      if (!this.canRun(waiting)) continue
      const entry = await this.#store.take(waiting.id, this.name)
      if (entry) this.adopt(entry)
    }
  }

  /** Whether its work is known here, and what it needs is on this host. */
  canRun({ kind, host }: Pick<WaitingJob, 'kind' | 'host'>): boolean {
    return this.#works.has(kind) && (host === undefined || host === this.host)
  }

  async #finish(running: RunningJob): Promise<void> {
    const { id, job } = running
    const { kind } = job
    this.#log.info({ job: id, kind }, `the ${kind} job ${id} runs`)
    try {
      const end = await this.#work(running)
      const state = await running.finish(end, this.#cutOff.signal)
      const why = state === 'failed' && 'error' in end ? `: ${end.error.message}` : ''
      this.#log[why ? 'warn' : 'info']({ job: id, kind }, `the ${kind} job ${id} is ${state}${why}`)
    } catch (thrown) {
      const error = toError(thrown)
      this.#log.warn({ job: id, kind, error }, `the end of the job ${id} was not written: ${error.message}`)
    }
  }

  /** Again and again while Redis is what it fails for; each time where it last was. */
  async #work(running: RunningJob): Promise<JobEnd> {
    const work = this.#works.get(running.job.kind)!
    for (;;) {
      try {
        return { state: 'done', result: await work.run(running.job.params, running) }
      } catch (thrown) {
        if (!this.#store.passes(thrown) || running.signal.aborted) return failure(toError(thrown))
        const error = toError(thrown)
        this.#log.warn({ job: running.id, error }, `the job ${running.id} waits for Redis: ${error.message}`)
        await pause(FAULT_DELAY_MS, running.signal)
      }
    }
  }

  #warn(error: Error): void {
    if (!this.#warned && !this.#stopping.signal.aborted)
      this.#log.warn({ error }, `jobs can not be looked for, trying on: ${error.message}`)
    this.#warned = true
  }
}

const failure = (error: Error): JobEnd => ({
  state: 'failed',
  error: { code: errorName(error), message: redactText(error.message).slice(0, MAX_MESSAGE_LENGTH) },
})
