import { setTimeout as sleep } from 'node:timers/promises'
import type * as Places from '../src/backup/backup-place.ts'
import type * as Backups from '../src/backup/backup-work.ts'
import type * as Restores from '../src/backup/restore-work.ts'
import type { JobKind } from '../src/core/jobs.ts'
import type * as Services from '../src/jobs/job-service.ts'
import type * as Kinds from '../src/jobs/kinds/kinds.ts'
import type * as Sources from '../src/redis/backup/backup-source.ts'
import type * as Targets from '../src/redis/backup/restore-target.ts'
import type * as Logs from '../src/redis/redis-log.ts'
import { built } from './built.ts'

const load = async <T>(file: string) => (await import(built(file))) as T
const { anywhere } = await load<typeof Places>('backup/backup-place.js')
const { backupWork } = await load<typeof Backups>('backup/backup-work.js')
const { restoreWork } = await load<typeof Restores>('backup/restore-work.js')
const { JobService } = await load<typeof Services>('jobs/job-service.js')
const { operationWorks } = await load<typeof Kinds>('jobs/kinds/kinds.js')
const { RedisBackupSource } = await load<typeof Sources>('redis/backup/backup-source.js')
const { RedisRestoreTarget } = await load<typeof Targets>('redis/backup/restore-target.js')
const { RedisStreamLog } = await load<typeof Logs>('redis/redis-log.js')

/** The watch of the job service looks every half a second, which is too coarse for a clock. */
const LOOK_MS = 10

/** Runs a job, as fast as it can, and fails where it has not dealt with so many entries. */
export type RunJob = (
  kind: JobKind,
  params: Readonly<Record<string, unknown>>,
  count: number,
) => Promise<void>

/** The jobs of an operator, which run in this process, all of Millrace about them included. */
export async function openJobs(url: string): Promise<RunJob> {
  const log = await RedisStreamLog.open({ url })
  const connection = log.connection('bench')
  const works = [
    ...operationWorks(log.operations),
    backupWork(new RedisBackupSource(connection), anywhere()),
    restoreWork(new RedisRestoreTarget(connection), anywhere()),
  ]
  const jobs = new JobService(log.operations.jobStore, works, { takes: 'own' })
  return async (kind, params, count) => {
    const { id } = await jobs.start({ kind, params, actor: 'bench', reason: 'bench' })
    let job = await jobs.get(id)
    for (; ['queued', 'running'].includes(job.state); job = await jobs.get(id)) await sleep(LOOK_MS)
    if (job.state !== 'done' || job.progress.done !== count)
      throw new Error(`the ${kind} is not what was wanted: ${JSON.stringify(job)}`)
  }
}
