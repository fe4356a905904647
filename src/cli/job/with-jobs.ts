import type { Jobs } from '../../core/jobs.ts'
import type { Io } from '../io.ts'
import { withOperations } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'
import { allJobs } from './job-service.ts'

/** Runs a command that looks at jobs or steers them, and runs none. */
export const withJobs = (io: Io, flags: RedisFlags, work: (jobs: Jobs) => Promise<void>): Promise<void> =>
  withOperations(io, flags, (opened) => work(allJobs(opened)))
