import type { OperatorFlags } from '../flags.ts'
import { given } from '../given.ts'
import { print, printJson, sayDryRun, type Io } from '../io.ts'
import { operatorOf } from '../operator.ts'
import { plural } from '../output/format.ts'
import { previewJob, runJob, type RunJobFlags } from '../run-job.ts'
import { withOperations } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'

export interface StreamCopyFlags extends RedisFlags, OperatorFlags, RunJobFlags {
  append?: boolean
  dryRun?: boolean
}

/** `millrace stream copy`: a job that writes the entries under another name. */
export const streamCopyCommand = (
  io: Io,
  stream: string,
  to: string,
  flags: StreamCopyFlags,
): Promise<void> =>
  withOperations(
    io,
    flags,
    async (opened) => {
      const params = { stream, to, append: flags.append === true }
      if (flags.dryRun) {
        const preview = await previewJob(opened, 'copy', params)
        if (flags.json) return printJson(io, preview)
        await print(io, `${copied(preview.count)} would be copied to ${to}`)
        return sayDryRun(io)
      }
      const job = {
        kind: 'copy',
        params,
        ...operatorOf(flags),
        ...given({ ratePerSecond: flags.rate }),
      } as const
      const done = await runJob(io, opened, job, flags)
      if (done && !flags.json) await print(io, `copied ${copied(done.progress.done)} of ${stream} to ${to}`)
    },
    { names: { stream }, stopsItself: true },
  )

const copied = (count: number): string => plural(count, 'entry', 'entries')
