import type { Handler } from '../core/delivery.ts'
import { collectIssues, InvalidError, type Issue } from '../core/errors.ts'
import { checkName } from '../core/names.ts'
import { timetable, type Schedule, type Timetable } from './timetable.ts'

/** What the handler of a job gets as data. The event's type is the job's name, its time the tick. */
export interface Tick {
  /** When the job was to run: ISO 8601 in UTC. */
  readonly tick: string
}

/** What a job publishes at each tick instead of running a handler. */
export interface JobEvent {
  stream: string
  type: string
  /** Of the event; a function makes it from the tick, and must make the same on every instance. */
  data: unknown
}

export interface JobOptions {
  /** In which the pattern is read, such as `Europe/Berlin` (UTC; in the service what TIMEZONE says). */
  timezone?: string
  /** How late a tick may still be published, in ms (60000): what a restart or an outage of Redis may take. */
  graceMs?: number
  /**
   * What becomes of ticks that nobody was there for within `graceMs`. `skip` (default): nothing. `last`: of those since
   * the job was last scheduled, the last one is published late.
   */
  catchUp?: 'skip' | 'last'
  /**
   * When a tick comes while the handler still runs. `queue` (default): it runs afterwards. `skip`: it does not run.
   * Only for handlers.
   */
  overlap?: 'queue' | 'skip'
}

export interface JobDeclaration {
  readonly name: string
  readonly schedule: Schedule
  /** Undefined where none was named. */
  readonly timezone: string | undefined
  readonly timetable: Timetable
  readonly graceMs: number
  readonly catchUp: 'skip' | 'last'
  readonly overlap: 'queue' | 'skip'
  readonly run: Handler<Tick> | Readonly<JobEvent>
}

/** Half of the time for which an idempotency key is remembered by default: the other half is for clocks that differ. */
const MAX_GRACE_MS = 300_000
const MIN_GRACE_MS = 1_000
const DEFAULT_TIMEZONE = 'UTC'
const DEFAULTS = { graceMs: 60_000, catchUp: 'skip', overlap: 'queue' } as const

/**
 * Declares a job. Each tick becomes one event, whatever number of instances run: with a handler on the stream
 * `millrace:jobs`, where one member of the group `millrace-jobs` runs it, at least once, retried and dead-lettered like
 * any event; else on the stream that is named.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with each mistake, MillraceError `NAME_INVALID`
 * @example
 * const report = job('nightly-report', '0 3 * * *', async ({ event }) => sendReport(event.data.tick), {
 *   timezone: 'Europe/Berlin',
 *   catchUp: 'last',
 * })
 * const pulse = job('pulse', { everyMs: 10_000 }, { stream: 'event-stream', type: 'test.event', data: { message: 'hi' } })
 */
export function job(
  name: string,
  schedule: Schedule,
  run: Handler<Tick> | JobEvent,
  options: JobOptions = {},
): JobDeclaration {
  checkName('job name', name)
  const { timezone, ...rest } = { timezone: undefined, ...DEFAULTS, ...options }
  const issues = [...optionIssues(rest), ...runIssues(run, rest.overlap)]
  const table = collectIssues(issues, () => timetable(schedule, timezone ?? DEFAULT_TIMEZONE))
  if (!table || issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', `the job "${name}" can't be scheduled`, issues)
  return Object.freeze({ name, schedule, timezone, timetable: table, run, ...rest })
}

/** The same job in this time zone, where it names none of its own. */
export const inTimezone = (job: JobDeclaration, timezone: string): JobDeclaration =>
  job.timezone === undefined ? { ...job, timezone, timetable: timetable(job.schedule, timezone) } : job

/** How a job runs other than it is declared; what is left out stays. */
export interface JobPlan {
  /** A pattern that is read in the time zone of the job. */
  readonly cron?: string
  readonly enabled?: boolean
}

const NEVER: Timetable = { next: () => undefined, last: () => undefined }

/**
 * The same job by a plan.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with each field of the pattern at fault
 */
export function planned(job: JobDeclaration, { cron, enabled = true }: JobPlan): JobDeclaration {
  const table = cron === undefined ? job.timetable : timetable(cron, job.timezone ?? DEFAULT_TIMEZONE)
  return { ...job, schedule: cron ?? job.schedule, timetable: enabled ? table : NEVER }
}

function optionIssues({ graceMs, catchUp, overlap }: Required<Omit<JobOptions, 'timezone'>>): Issue[] {
  const issues: Issue[] = []
  const require = (path: string, holds: boolean, wanted: string, given: unknown) => {
    if (!holds) issues.push({ path, message: `must be ${wanted}, not ${String(given)}` })
  }
  const range = `from ${MIN_GRACE_MS} to ${MAX_GRACE_MS} ms`
  require('graceMs', graceMs >= MIN_GRACE_MS && graceMs <= MAX_GRACE_MS, range, graceMs)
  require('catchUp', catchUp === 'skip' || catchUp === 'last', 'skip or last', catchUp)
  require('overlap', overlap === 'skip' || overlap === 'queue', 'skip or queue', overlap)
  return issues
}

function runIssues(run: Handler<Tick> | JobEvent, overlap: string): Issue[] {
  if (typeof run === 'function') return []
  if (typeof run !== 'object' || run === null)
    return [{ path: 'run', message: 'must be a handler, or an event of stream, type and data' }]
  const issues: Issue[] = []
  collectIssues(issues, () => checkName('stream name', run.stream), 'run.stream')
  collectIssues(issues, () => checkName('event type', run.type), 'run.type')
  if (overlap === 'skip')
    issues.push({ path: 'overlap', message: 'of an event is decided by whoever consumes it' })
  return issues
}
