import { hostname } from 'node:os'
import type { Job, Jobs } from '../../core/jobs.ts'
import { limited } from '../../core/limited.ts'
import { CommandError } from '../exit.ts'
import type { JsonFlags, OperatorFlags } from '../flags.ts'
import { print, printJson, say, type Io } from '../io.ts'
import { operatorOf } from '../operator.ts'
import { formatRate } from '../output/format.ts'
import { runHere } from '../run-job.ts'
import { withOperations, type Opened } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'
import { allJobs } from './job-service.ts'
import { summaryOf } from './render.ts'
import { withJobs } from './with-jobs.ts'

/** A runner that was not heard of for 10 s is given up; and some time to notice. */
const SILENCE_MS = 12_000

export type SteerFlags = RedisFlags & OperatorFlags & JsonFlags

/** `millrace job cancel ID`. */
export const jobCancelCommand = (io: Io, id: string, flags: SteerFlags): Promise<void> =>
  withJobs(io, flags, async (jobs) => {
    const job = await jobs.cancel(id, operatorOf(flags))
    const ending = job.state === 'cancelled' ? 'is cancelled' : 'ends after its current step'
    await tell(io, flags, job, `job ${id} ${ending}; millrace job resume ${id} takes it up again`)
  })

/** `millrace job limit ID RATE|none`. */
export const jobLimitCommand = (
  io: Io,
  id: string,
  rate: number | 'none',
  flags: SteerFlags,
): Promise<void> =>
  withJobs(io, flags, async (jobs) => {
    const job = await jobs.limit(id, rate === 'none' ? undefined : rate, operatorOf(flags))
    const limit =
      job.ratePerSecond === undefined ? 'as much as it can' : `at most ${formatRate(job.ratePerSecond)}`
    await tell(io, flags, job, `job ${id} does ${limit}, from its next step on`)
  })

/** `millrace job resume ID`: here, where it needs a file of this machine, or is asked to be. */
export const jobResumeCommand = (io: Io, id: string, flags: SteerFlags & { here?: boolean }): Promise<void> =>
  withOperations(io, flags, (opened) => resume(io, opened, id, flags), { stopsItself: true })

async function resume(
  io: Io,
  opened: Opened,
  id: string,
  flags: SteerFlags & { here?: boolean },
): Promise<void> {
  const operator = operatorOf(flags)
  const jobs = allJobs(opened)
  const { host } = await givenUp(io, jobs, await jobs.get(id))
  if (host !== undefined && host !== hostname())
    throw new CommandError(`the job ${id} needs a file of ${host}: run this there`)
  if (!flags.here && host === undefined)
    return tell(io, flags, await jobs.resume(id, operator), `job ${id} goes on where it was`)
  const done = await runHere(io, opened, (own) => own.resume(id, operator), flags)
  if (!flags.json) await print(io, summaryOf(done))
}

/** A runner that was killed counts as alive for a while; whoever knows better need not try again and again. */
async function givenUp(io: Io, jobs: Jobs, job: Job): Promise<Job> {
  if (job.state !== 'running') return job
  say(io, `${job.runner} had the job last; waiting for up to ${SILENCE_MS / 1_000} s whether it is heard of`)
  let last = job
  for await (last of jobs.watch(job.id, limited(io.signal, SILENCE_MS))) if (last.state !== 'running') break
  return last
}

async function tell(io: Io, { json }: JsonFlags, job: Job, line: string): Promise<void> {
  if (json) return printJson(io, job)
  await print(io, line)
  if (job.state === 'queued') say(io, 'it is queued: a service that runs will take it up')
}
