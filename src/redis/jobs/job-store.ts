import { hash } from 'node:crypto'
import { checkOperator, type Operator } from '../../core/action-record.ts'
import { InvalidError, MillraceError } from '../../core/errors.ts'
import type {
  JobDraft,
  JobEnd,
  JobEntry,
  JobLease,
  JobOrders,
  JobStore,
  WaitingJob,
} from '../../core/job-store.ts'
import type { Job, JobFilter, JobKind, JobPage, JobProgress } from '../../core/jobs.ts'
import type { Connection, Sender } from '../connection.ts'
import { PatientConnection } from '../connections/patient.ts'
import { remedyFor, replyCode } from '../errors.ts'
import { ALL_KEY, jobKey, keysOf, LAST_KEY, OPEN_KEY } from './job-keys.ts'
import { toJob, type JobRow } from './job-row.ts'
import {
  beatScript,
  cancelScript,
  checkpointScript,
  createScript,
  finishScript,
  forgetScript,
  limitScript,
  nextIdScript,
  readScript,
  resumeScript,
  takeScript,
  waitingScript,
  type Refusal,
} from './job-scripts.ts'

/** Bounds of one page, and of the work for it: jobs that a call looks at, and that one step does. */
const MAX_PAGE = 500
const LOOKED_AT = 2_000
const PER_STEP = 100
/** More would not come back in one small reply. */
const MAX_PARAMS_LENGTH = 100_000

/**
 * Jobs in Redis, all in one slot. What operators ask for waits for Redis; what runners write fails at once, since they
 * have a loop of their own.
 *
 * @example
 * const store = new RedisJobStore(connection)
 * const { job } = await store.create({ kind: 'trim', params, actor: 'ada@example.com', reason: 'it is full' })
 */
export class RedisJobStore implements JobStore {
  readonly #connection: Connection
  readonly #calls: Sender
  /** What never changes of those that wait, by their ids. */
  #known = new Map<string, WaitingJob>()

  /** @param connection one that nobody blocks */
  constructor(connection: Connection, options: { offlineTimeoutMs?: number } = {}) {
    this.#connection = connection
    this.#calls = new PatientConnection(connection, options.offlineTimeoutMs)
  }

  async create(draft: JobDraft, runner = ''): Promise<JobEntry> {
    const { kind, actor, reason, host, ratePerSecond } = draft
    const params = JSON.stringify(draft.params)
    if (params.length > MAX_PARAMS_LENGTH) throw tooLarge(params.length)
    const progress = JSON.stringify({ done: 0, unit: draft.unit } satisfies JobProgress)
    const id = await nextIdScript.run(this.#calls, [LAST_KEY], [])
    const fields = { kind, params, progress, actor, reason, host, rate: ratePerSecond }
    const flat = Object.entries(fields).flatMap(([name, value]) =>
      value === undefined ? [] : [name, String(value)],
    )
    const args = [id, hash('sha256', `${kind} ${params}`, 'base64url'), actor, runner, ...flat]
    const reply = await createScript.run(this.#calls, keysOf(id), args)
    if (reply[0] === 'same') throw sameWork(reply[1])
    if (reply[0] === 'full') throw new MillraceError('JOB_CONFLICT', FULL)
    if (reply[2] !== '') await forgetScript.run(this.#calls, keysOf(reply[2]), [reply[2]])
    return toJob(reply[1])
  }

  async get(id: string): Promise<Job> {
    const [row] = isJobId(id) ? (await this.#read([id], {}))[1] : []
    if (!row) throw unknownJob(id)
    return toJob(row).job
  }

  async list(filter: JobFilter, { after, limit = 50 }: JobPage): Promise<{ jobs: Job[]; next?: string }> {
    checkJobPage(limit, after)
    const filtered = filter.kind !== undefined || filter.state !== undefined
    const jobs: Job[] = []
    let last = after
    for (let looked = 0; looked < LOOKED_AT && jobs.length < limit;) {
      const ids = await this.#idsBelow(last, filtered ? PER_STEP : Math.min(PER_STEP, limit - jobs.length))
      if (ids.length === 0) return { jobs }
      const [count, rows] = await this.#read(ids, filter)
      for (const row of rows.slice(0, limit - jobs.length)) jobs.push(toJob(row).job)
      looked += count
      last = jobs.length === limit ? jobs.at(-1)!.id : ids[count - 1]!
    }
    return last === undefined || (await this.#idsBelow(last, 1)).length === 0
      ? { jobs }
      : { jobs, next: last }
  }

  #idsBelow(id: string | undefined, count: number): Promise<string[]> {
    const start = id === undefined ? '+inf' : `(${id}`
    const range = [start, '-inf', 'BYSCORE', 'REV', 'LIMIT', '0', String(count)]
    return this.#calls.send<string[]>(['ZRANGE', ALL_KEY, ...range])
  }

  #read(ids: readonly string[], { kind = '', state = '' }: { kind?: string; state?: string }) {
    return readScript.run(this.#calls, [OPEN_KEY, ...ids.map(jobKey)], [kind, state, ...ids])
  }

  async waiting(): Promise<WaitingJob[]> {
    const ids = await waitingScript.run(this.#connection, [OPEN_KEY], [])
    const known = new Map<string, WaitingJob>()
    for (const id of ids.toSorted()) {
      const job = this.#known.get(id) ?? (await this.#look(id))
      if (job) known.set(id, job)
    }
    this.#known = known
    return [...known.values()]
  }

  async #look(id: string): Promise<WaitingJob | undefined> {
    const command = ['HMGET', jobKey(id), 'kind', 'host']
    const [kind, host] = await this.#connection.send<(string | null)[]>(command)
    return kind ? { id, kind: kind as JobKind, ...(host && { host }) } : undefined
  }

  async take(id: string, runner: string): Promise<JobEntry | undefined> {
    const reply = await takeScript.run(this.#connection, keysOf(id), [id, runner])
    return reply ? toEntry(...reply) : undefined
  }

  async beat({ id, run }: JobLease, progress?: JobProgress): Promise<JobOrders> {
    const args = [id, String(run), progress ? JSON.stringify(progress) : '']
    const reply = await beatScript.run(this.#connection, keysOf(id), args)
    if (isRefusal(reply)) throw lostJob(id, reply)
    const [cancelled, rate] = reply
    return { cancelled: cancelled === 1, ...(rate !== '' && { ratePerSecond: Number(rate) }) }
  }

  async checkpoint(
    { id, run }: JobLease,
    state: Readonly<Record<string, unknown>>,
    progress: JobProgress,
  ): Promise<void> {
    const args = [id, String(run), JSON.stringify(progress), JSON.stringify(state)]
    const reply = await checkpointScript.run(this.#connection, keysOf(id), args)
    if (reply !== 'ok') throw lostJob(id, reply)
  }

  async finish({ id, run }: JobLease, end: JobEnd, progress: JobProgress): Promise<void> {
    const what = 'result' in end ? ['result', JSON.stringify(end.result)] : []
    const why = 'error' in end ? ['error', JSON.stringify(end.error)] : []
    const said = [...what, ...why]
    const args = [id, String(run), JSON.stringify(progress), end.state, said[0] ?? '', said[1] ?? '']
    const reply = await finishScript.run(this.#connection, keysOf(id), args)
    if (reply !== 'ok') throw lostJob(id, reply)
  }

  async cancel(id: string, operator: Operator): Promise<Job> {
    const { actor } = checkOperator(operator)
    requireJobId(id)
    const reply = await cancelScript.run(this.#calls, keysOf(id), [id, actor])
    if (isRefusal(reply)) throw refused(id, reply, 'cancelled')
    return toJob(reply).job
  }

  async resume(id: string, operator: Operator, runner = ''): Promise<JobEntry> {
    const { actor } = checkOperator(operator)
    requireJobId(id)
    const reply = await resumeScript.run(this.#calls, keysOf(id), [id, actor, runner])
    if (reply[0] === 'same') throw sameWork(reply[1] as string)
    if (isRefusal(reply)) throw refused(id, reply, 'resumed')
    return toEntry(...(reply as [JobRow, string]))
  }

  async limit(id: string, ratePerSecond: number | undefined, operator: Operator): Promise<Job> {
    const { actor } = checkOperator(operator)
    requireJobId(id)
    const rate = ratePerSecond === undefined ? '' : String(ratePerSecond)
    const reply = await limitScript.run(this.#calls, keysOf(id), [id, actor, rate])
    if (isRefusal(reply)) throw refused(id, reply, 'limited')
    return toJob(reply).job
  }

  passes(error: unknown): boolean {
    return ['reconnect', 'back-off'].includes(remedyFor(error)) && replyCode(error) !== 'OOM'
  }
}

const toEntry = (row: JobRow, checkpoint: string): JobEntry => ({
  ...toJob(row),
  ...(checkpoint !== '' && { checkpoint: JSON.parse(checkpoint) as Readonly<Record<string, unknown>> }),
})

/** Microseconds since 1970, so that ids sort as text too. */
const isJobId = (id: unknown): id is string => typeof id === 'string' && /^\d{16}$/.test(id)

function requireJobId(id: unknown): void {
  if (!isJobId(id)) throw unknownJob(id)
}

const isRefusal = (reply: unknown): reply is Refusal =>
  reply === 'unknown' || (Array.isArray(reply) && reply[0] === 'conflict')

function checkJobPage(limit: number, after: string | undefined): void {
  const issues = []
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE)
    issues.push({ path: 'limit', message: `must be a whole number from 1 to ${MAX_PAGE}, not ${limit}` })
  if (after !== undefined && !isJobId(after))
    issues.push({ path: 'after', message: 'must be where the page before ended, the id of a job' })
  if (issues.length > 0) throw new InvalidError('CONFIGURATION_INVALID', 'there is no such page', issues)
}

const unknownJob = (id: unknown): MillraceError =>
  new MillraceError(
    'UNKNOWN_JOB',
    `there is no job ${JSON.stringify(id)}; jobs are forgotten 7 days after their end`,
  )

function refused(id: string, reply: Refusal, deed: string): MillraceError {
  if (reply === 'unknown') return unknownJob(id)
  return new MillraceError('JOB_CONFLICT', `the job ${id} is ${reply[1]}, so it can not be ${deed}`)
}

function lostJob(id: string, reply: Refusal): MillraceError {
  const now = reply === 'unknown' ? 'is gone' : `is ${reply[1]}`
  const message = `this run has lost the job ${id}, which ${now} by now: it was not heard of in time, or somebody ended it`
  return new MillraceError('JOB_CONFLICT', message)
}

const FULL = 'there are 1000 unfinished jobs; wait for some of them, or cancel them'

const sameWork = (id: string): MillraceError =>
  new MillraceError(
    'JOB_CONFLICT',
    `the job ${id} does just the same and is not finished: wait for it, or cancel it`,
  )

const tooLarge = (length: number): InvalidError =>
  new InvalidError('CONFIGURATION_INVALID', 'the job can not be written down', [
    { path: 'params', message: `are ${length} characters as JSON; at most ${MAX_PARAMS_LENGTH} are allowed` },
  ])
