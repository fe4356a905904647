import { checkOperator, type Operator } from '../core/action-record.ts'
import { InvalidError, MillraceError, collectIssues, type Issue } from '../core/errors.ts'
import type { JobEntry, JobStore } from '../core/job-store.ts'
import {
  JOB_KINDS,
  type Job,
  type JobFilter,
  type JobKind,
  type JobPage,
  type JobPreview,
  type Jobs,
  type JobWork,
  type NewJob,
} from '../core/jobs.ts'
import { pause } from '../core/pause.ts'
import { JobRunner, type JobRunnerOptions } from './job-runner.ts'

/** How often somebody who watches a job looks at it, in ms. */
const WATCH_MS = 500
const STATES: readonly unknown[] = ['queued', 'running', 'interrupted', 'cancelled', 'done', 'failed']

type Params = Readonly<Record<string, unknown>>

/**
 * The jobs of a store, and a runner for the kinds whose work is known here.
 *
 * @example
 * const jobs = new JobService(store, [replayWork(operations)])
 * await jobs.runner.start()
 * const { id } = await jobs.start({ kind: 'replay', params: { stream: 'orders', group: 'mailer' }, actor: 'ada' })
 * for await (const { state, progress } of jobs.watch(id, signal)) console.log(state, progress.done)
 * await jobs.runner.stop(10_000)
 */
export class JobService implements Jobs {
  readonly runner: JobRunner
  readonly #store: JobStore
  readonly #works: ReadonlyMap<JobKind, JobWork>

  constructor(store: JobStore, works: readonly JobWork[], options: JobRunnerOptions = {}) {
    this.#store = store
    this.#works = new Map(works.map((work) => [work.kind, work]))
    this.runner = new JobRunner(store, works, options)
  }

  async preview(kind: JobKind, params: Params): Promise<JobPreview> {
    const checked = await this.#check(kind, params, [])
    return { kind, params: checked, ...(await this.#workOf(kind).preview(checked)) }
  }

  async start(job: NewJob): Promise<Job> {
    const { kind, params, ratePerSecond } = job
    const issues = rateIssues(ratePerSecond)
    const operator = collectIssues(issues, () => checkOperator(job), 'actor')
    const checked = await this.#check(kind, params, issues)
    const entry = await this.#store.create(
      {
        ...operator!,
        kind,
        params: checked,
        unit: kind === 'redrive' || kind === 'discard' ? 'letters' : 'entries',
        ...(ratePerSecond !== undefined && Number.isFinite(ratePerSecond) && { ratePerSecond }),
        ...(this.#workOf(kind).local && { host: this.runner.host }),
      },
      this.#ownRunner,
    )
    return this.#begun(entry)
  }

  async list(filter: JobFilter = {}, page: JobPage = {}): Promise<{ jobs: Job[]; next?: string }> {
    const issues: Issue[] = []
    const { kind, state } = filter
    if (kind !== undefined && !JOB_KINDS.includes(kind)) issues.push(kindIssue(kind))
    if (state !== undefined && !STATES.includes(state))
      issues.push({ path: 'state', message: `must be one of ${STATES.join(', ')}` })
    if (issues.length > 0)
      throw new InvalidError('CONFIGURATION_INVALID', 'no jobs can be found like this', issues)
    return this.#store.list(filter, page)
  }

  get(id: string): Promise<Job> {
    return this.#store.get(id)
  }

  async cancel(id: string, operator: Operator): Promise<Job> {
    const job = await this.#store.cancel(id, operator)
    if (job.state === 'cancelled') await this.#works.get(job.kind)?.letGo?.(job.params, id)
    return job
  }

  async resume(id: string, operator: Operator): Promise<Job> {
    const takes = this.#ownRunner !== undefined && this.runner.canRun(await this.#store.get(id))
    return this.#begun(await this.#store.resume(id, operator, takes ? this.#ownRunner : undefined))
  }

  async limit(id: string, ratePerSecond: number | undefined, operator: Operator): Promise<Job> {
    refuse(rateIssues(ratePerSecond), 'such a rate can not be kept')
    return this.#store.limit(id, Number.isFinite(ratePerSecond) ? ratePerSecond : undefined, operator)
  }

  async *watch(id: string, signal: AbortSignal): AsyncGenerator<Job> {
    let last = ''
    while (!signal.aborted) {
      const job = await this.#glance(id, last !== '')
      if (job === 'forgotten') return
      const text = JSON.stringify(job)
      if (job && text !== last) {
        last = text
        yield job
        if (hasEnded(job)) return
      }
      await pause(WATCH_MS, signal)
    }
  }

  /** Undefined while Redis is away. */
  async #glance(id: string, known: boolean): Promise<Job | 'forgotten' | undefined> {
    try {
      return await this.#store.get(id)
    } catch (error) {
      if (this.#store.passes(error)) return undefined
      if (known && error instanceof MillraceError && error.code === 'UNKNOWN_JOB') return 'forgotten'
      throw error
    }
  }

  get #ownRunner(): string | undefined {
    return this.runner.takes === 'own' ? this.runner.name : undefined
  }

  #begun(entry: JobEntry): Job {
    if (entry.job.runner === this.#ownRunner && entry.job.state === 'running') this.runner.adopt(entry)
    else this.runner.look()
    return entry.job
  }

  async #check(kind: JobKind, params: Params, issues: Issue[]): Promise<Params> {
    if (!JOB_KINDS.includes(kind)) refuse([...issues, kindIssue(kind)], 'there is no such job')
    let checked: Params = {}
    try {
      checked = await this.#workOf(kind).check(params)
    } catch (error) {
      if (!(error instanceof InvalidError) || issues.length === 0) throw error
      issues.push(...error.issues)
    }
    refuse(issues, `the ${kind} can not be done like this`)
    return checked
  }

  #workOf(kind: JobKind): JobWork {
    const work = this.#works.get(kind)
    if (work) return work
    const message = `this process does no ${kind} jobs; there are ${[...this.#works.keys()].join(', ')}`
    throw new InvalidError('CONFIGURATION_INVALID', message)
  }
}

const hasEnded = ({ state }: Job): boolean => ['cancelled', 'done', 'failed'].includes(state)

function refuse(issues: readonly Issue[], problem: string): void {
  if (issues.length > 0) throw new InvalidError('CONFIGURATION_INVALID', problem, issues)
}

const kindIssue = (kind: unknown): Issue => ({
  path: 'kind',
  message: `must be one of ${JOB_KINDS.join(', ')}, not ${JSON.stringify(kind)}`,
})

function rateIssues(rate: unknown): Issue[] {
  if (rate === undefined || (typeof rate === 'number' && rate > 0)) return []
  const shown = typeof rate === 'number' ? rate : JSON.stringify(rate)
  return [{ path: 'ratePerSecond', message: `must be a number above 0, not ${shown}` }]
}
