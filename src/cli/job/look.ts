import type { Job, JobKind, Jobs, JobState } from '../../core/jobs.ts'
import type { JsonFlags } from '../flags.ts'
import { given } from '../given.ts'
import { print, printJson, say, type Io } from '../io.ts'
import { printTable } from '../output/table.ts'
import type { RedisFlags } from '../with-redis.ts'
import { JOB_COLUMNS, jobLines } from './render.ts'
import { withJobs } from './with-jobs.ts'

export interface JobListFlags extends RedisFlags, JsonFlags {
  kind?: JobKind
  state?: JobState
  limit: number
}

const PAGE = 500

/** `millrace job ls`. */
export const jobListCommand = (io: Io, flags: JobListFlags): Promise<void> =>
  withJobs(io, flags, async (jobs) => {
    const listed = await take(jobs, flags)
    if (flags.json) return printJson(io, listed)
    if (listed.length === 0) return say(io, 'there are no such jobs; what has ended is remembered for 7 days')
    await printTable(io, listed, JOB_COLUMNS)
  })

/** `millrace job show ID`. */
export const jobShowCommand = (io: Io, id: string, flags: RedisFlags & JsonFlags): Promise<void> =>
  withJobs(io, flags, async (jobs) => {
    const job = await jobs.get(id)
    if (flags.json) return printJson(io, job)
    for (const line of jobLines(job)) await print(io, line)
  })

/** As many as are wanted, from as many pages as that takes: one may be empty, and yet more to come. */
async function take(jobs: Jobs, { kind, state, limit }: JobListFlags): Promise<Job[]> {
  const taken: Job[] = []
  let after: string | undefined
  do {
    const page = await jobs.list(given({ kind, state }), {
      limit: Math.min(PAGE, limit - taken.length),
      ...given({ after }),
    })
    taken.push(...page.jobs)
    after = page.next
  } while (after !== undefined && taken.length < limit)
  return taken
}
