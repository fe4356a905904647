import { resolve } from 'node:path'
import { checkBackup } from '../../backup/backup-reader.ts'
import type { BackupResult } from '../../backup/backup-work.ts'
import { CommandError, EXIT } from '../exit.ts'
import type { JsonFlags, OperatorFlags } from '../flags.ts'
import { given } from '../given.ts'
import { print, say, type Io } from '../io.ts'
import { operatorOf } from '../operator.ts'
import { plural } from '../output/format.ts'
import { runJob } from '../run-job.ts'
import { withOperations } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'

export interface BackupFlags extends RedisFlags, OperatorFlags, JsonFlags {
  to?: string
  match?: string
  force?: boolean
  verify?: boolean
  rate?: number
}

/** `millrace backup [STREAM…] --to FILE`. */
export async function backupCommand(io: Io, streams: readonly string[], flags: BackupFlags): Promise<void> {
  // Commander would ask for it before `backup inspect` as well.
  if (flags.to === undefined) throw new CommandError('say where to: --to FILE', EXIT.usage)
  if (streams.length > 0 && flags.match !== undefined)
    throw new CommandError('say either the names of streams, or --match; not both', EXIT.usage)
  const path = resolve(io.cwd, flags.to)
  const named = streams.length > 0 ? streams : undefined
  const params = { path, ...given({ streams: named, match: flags.match, overwrite: flags.force }) }
  const job = {
    kind: 'backup' as const,
    params,
    ...operatorOf(flags),
    ...given({ ratePerSecond: flags.rate }),
  }
  await withOperations(
    io,
    flags,
    async (opened) => {
      const done = await runJob(io, opened, job, given({ json: flags.json }))
      if (!flags.json) await report(io, done!.result as BackupResult)
      if (flags.verify) await verify(io, path)
    },
    { names: given({ stream: streams.length === 1 ? streams[0] : undefined }), stopsItself: true },
  )
}

async function report(io: Io, { path, streams, entries, pending, bytes }: BackupResult): Promise<void> {
  const held = `${plural(entries, 'entry', 'entries')} and ${plural(pending, 'pending one')}`
  await print(io, `${plural(streams, 'stream')} with ${held} written to ${path} (${plural(bytes, 'byte')})`)
}

async function verify(io: Io, path: string): Promise<void> {
  const { entries } = await checkBackup(path, io.signal)
  say(io, `read again: every byte was checked, and ${plural(entries, 'entry', 'entries')} can be restored`)
}
