import type { JobService } from '../../jobs/job-service.ts'
import { EXIT, type ExitCode } from '../exit.ts'
import type { JsonFlags } from '../flags.ts'
import { print, printJson, type Io } from '../io.ts'
import { follow } from '../run-job.ts'
import { withOperations } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'
import { allJobs } from './job-service.ts'
import { summaryOf } from './render.ts'

/** `millrace job watch ID`: ends with the job; Ctrl-C ends the watching alone. */
export async function jobWatchCommand(io: Io, id: string, flags: RedisFlags & JsonFlags): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok
  const work = async (jobs: JobService) => {
    const job = await follow(io, jobs, await jobs.get(id))
    if (flags.json) await printJson(io, job)
    else await print(io, summaryOf(job))
    if (job.state !== 'done') exitCode = EXIT.failed
  }
  await withOperations(io, flags, (opened) => work(allJobs(opened)), { stopsItself: true })
  return exitCode
}
