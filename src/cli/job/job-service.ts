import { anywhere } from '../../backup/backup-place.ts'
import { BackupWorks } from '../../bus/backup-works.ts'
import { JobService } from '../../jobs/job-service.ts'
import type { JobRunnerOptions } from '../../jobs/job-runner.ts'
import { operationWorks } from '../../jobs/kinds/kinds.ts'
import type { Opened } from '../with-operations.ts'

/** To look at jobs and steer them: none runs, but one that is cancelled is let go of. */
export const allJobs = ({ operations }: Opened): JobService =>
  new JobService(operations.jobStore, operationWorks(operations))

/** How long a job may take to end between two steps, and to say so, in ms. */
const END_MS = 5_000

/**
 * To begin jobs of all kinds. Nothing runs here but what is begun here, and that only where `takes` is `own`; it is ended
 * between two steps when `work` is over.
 */
export async function withJobService<T>(
  { log, operations }: Opened,
  options: JobRunnerOptions,
  work: (jobs: JobService) => Promise<T>,
): Promise<T> {
  const backups = new BackupWorks(log, anywhere())
  const works = [...operationWorks(operations), ...backups.works]
  const jobs = new JobService(operations.jobStore, works, options)
  try {
    return await work(jobs)
  } finally {
    await jobs.runner.stop(END_MS)
    await backups.close()
  }
}
