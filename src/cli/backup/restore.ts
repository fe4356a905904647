import { checkBackup } from '../../backup/backup-reader.ts'
import { wantedOf, type RestoreParams, type RestoreResult } from '../../backup/restore-work.ts'
import type { Job, JobPreview } from '../../core/jobs.ts'
import { CommandError, EXIT } from '../exit.ts'
import type { JsonFlags, OperatorFlags } from '../flags.ts'
import { given } from '../given.ts'
import { printJson, say, type Io } from '../io.ts'
import { operatorOf } from '../operator.ts'
import { formatCount, plural } from '../output/format.ts'
import { printTable, type Column } from '../output/table.ts'
import { previewJob, runJob } from '../run-job.ts'
import { withOperations } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'
import { existingFile } from './file.ts'

export interface RestoreFlags extends RedisFlags, OperatorFlags, JsonFlags {
  stream?: readonly string[]
  rename?: Readonly<Record<string, string>>
  prefix?: string
  rate?: number
  dryRun?: boolean
}

/** `millrace restore FILE`: everything is checked before anything is written. */
export async function restoreCommand(io: Io, file: string, flags: RestoreFlags): Promise<void> {
  const { stream: streams, prefix, json, rate: ratePerSecond } = flags
  if (prefix !== undefined && flags.rename !== undefined)
    throw new CommandError('say either --prefix for all names, or --rename for some; not both', EXIT.usage)
  const path = await existingFile(io, file)
  const params = { path, ...given({ streams, rename: flags.rename ?? prefix }) }
  await withOperations(
    io,
    flags,
    async (opened) => {
      if (flags.dryRun) return foretell(io, await previewJob(opened, 'restore', params), json === true)
      const job = { kind: 'restore' as const, params, ...operatorOf(flags), ...given({ ratePerSecond }) }
      const done = await runJob(io, opened, job, given({ json }))
      if (!json) await report(io, done!)
    },
    { stopsItself: true },
  )
}

interface Row {
  readonly name: string
  /** What it is called now. */
  readonly as: string
  readonly entries: number
  readonly pending: number
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'STREAM', text: ({ name }) => name, shrinks: true },
  { title: 'AS', text: ({ as }) => as, shrinks: true },
  { title: 'ENTRIES', text: ({ entries }) => formatCount(entries), align: 'right' },
  { title: 'PENDING', text: ({ pending }) => formatCount(pending), align: 'right' },
]

async function foretell(io: Io, preview: JobPreview, json: boolean): Promise<void> {
  if (json) return printJson(io, preview)
  const rows = preview.detail['streams'] as readonly Row[]
  await printTable(io, rows, COLUMNS)
  say(
    io,
    `${plural(rows.length, 'stream')} would be restored, and nothing is in the way; nothing was changed: a dry run`,
  )
}

async function report(io: Io, { params, result }: Job): Promise<void> {
  const restored = wantedOf(await checkBackup((params as RestoreParams).path), params as RestoreParams)
  const rows = restored.map(({ stream, target }) => ({ ...stream, as: target }))
  await printTable(io, rows, COLUMNS)
  const { streams, entries, gone } = result as RestoreResult
  say(io, `${plural(streams, 'stream')} with ${plural(entries, 'entry', 'entries')} restored`)
  if (gone > 0)
    say(
      io,
      `${plural(gone, 'pending entry', 'pending entries')} could not be: their streams had dropped them before the backup`,
    )
}
