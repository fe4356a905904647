import { toError } from '../core/errors.ts'
import type { Job, JobKind, JobPreview, JobState, NewJob } from '../core/jobs.ts'
import { noLog, type Log } from '../core/service.ts'
import type { JobService } from '../jobs/job-service.ts'
import { CommandError } from './exit.ts'
import { print, printJson, say, type Io } from './io.ts'
import { allJobs, withJobService } from './job/job-service.ts'
import { Progress } from './progress.ts'
import type { Opened } from './with-operations.ts'

export interface RunJobFlags {
  /** How much of its unit it may do in a second. */
  rate?: number
  /** Leave the job to a service that runs. */
  detach?: boolean
  json?: boolean
}

const UNITS: Readonly<Record<JobKind, string>> = {
  replay: 'entries',
  copy: 'entries',
  redrive: 'letters',
  discard: 'letters',
  trim: 'entries',
  backup: 'entries',
  restore: 'entries',
}

/**
 * Starts a job and does it here, with a bar on stderr; or leaves it to a service with `--detach`, and answers undefined.
 * Ctrl-C ends it between two steps, so that it can be taken up where it was. With `--json` it prints the job.
 *
 * @returns the job when it is done
 * @throws CommandError where it failed, was cancelled or is interrupted
 */
export async function runJob(
  io: Io,
  opened: Opened,
  job: NewJob,
  flags: RunJobFlags,
): Promise<Job | undefined> {
  if (!flags.detach) return runHere(io, opened, (jobs) => jobs.start(job), flags)
  const queued = await withJobService(opened, {}, (jobs) => jobs.start(job))
  if (flags.json) await printJson(io, queued)
  else await print(io, queued.id)
  say(io, `a service that runs takes it up; to see how far it is: millrace job watch ${queued.id}`)
  return undefined
}

/** What a job would do; changes nothing. */
export const previewJob = (opened: Opened, kind: JobKind, params: NewJob['params']): Promise<JobPreview> =>
  withJobService(opened, {}, (jobs) => jobs.preview(kind, params))

/** Begins a job, or takes one up, and runs it in this process to its end. */
export async function runHere(
  io: Io,
  opened: Opened,
  begin: (jobs: JobService) => Promise<Job>,
  { json }: { json?: boolean },
): Promise<Job> {
  const last = await withJobService(opened, { takes: 'own', log: waitsTo(io) }, async (jobs) => {
    const begun = await begin(jobs)
    say(io, `job ${begun.id} (${begun.kind}) runs here`)
    return follow(io, jobs, begun)
  })
  // What was stopped has ended only now.
  const ended = io.signal.aborted
    ? await allJobs(opened)
        .get(last.id)
        .catch(() => last)
    : last
  if (json) await printJson(io, ended)
  return requireDone(ended)
}

/**
 * Shows how far a job is until it has ended, the user has had enough, or nobody else may take it up; answers how it stood
 * last.
 */
export async function follow(io: Io, jobs: JobService, job: Job): Promise<Job> {
  const bar = new Progress(io, `${job.kind} ${job.id}`, UNITS[job.kind])
  let last = job
  try {
    for await (last of jobs.watch(job.id, io.signal)) {
      const { done, total, note } = last.progress
      bar.update({ done, total, note: last.state === 'running' ? note : last.state })
      if (last.state === 'interrupted' && last.host !== undefined) break
    }
  } finally {
    bar.stop()
  }
  return last
}

/** @throws CommandError that says how it ended, and how to go on */
function requireDone(job: Job): Job {
  const { id, kind, state, host } = job
  if (state === 'done') return job
  const named = `the ${kind} job ${id}`
  const ends: Partial<Record<JobState, string>> = {
    failed: `${job.error?.message}\n${named} failed`,
    cancelled: `${cancelledBy(job)} cancelled ${named}`,
  }
  const end = ends[state] ?? `${named} is interrupted, and what was done stays done${takenUp(job)}`
  const where = host === undefined ? ' --here' : ''
  throw new CommandError(`${end}\nto go on where it was: millrace job resume ${id}${where}`)
}

const cancelledBy = ({ history }: Job): string =>
  history.findLast(({ action }) => action === 'cancelled')?.actor ?? 'somebody'

/** Whoever pressed Ctrl-C may have meant more than this process. */
const takenUp = ({ id, host }: Job): string =>
  host === undefined
    ? `\na service that runs takes it up by itself; to end it for good: millrace job cancel ${id}`
    : ''

/** What keeps a job waiting is said once, and not twice a second. */
function waitsTo(io: Io): Log {
  let said = ''
  const warn: Log['warn'] = (fields, message) => {
    // A job that failed is told of at its end.
    const reason = 'error' in fields ? toError(fields.error).message : ''
    if (reason !== '' && reason !== said) say(io, `warning: ${message}`)
    said = reason
  }
  return { ...noLog, warn }
}
