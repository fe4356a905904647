import { checkBackup } from '../../backup/backup-reader.ts'
import type { BackedUpStream, BackupContents } from '../../core/backup.ts'
import type { JsonFlags } from '../flags.ts'
import { print, printJson, type Io } from '../io.ts'
import { formatCount, plural } from '../output/format.ts'
import { printTable, type Column } from '../output/table.ts'
import { existingFile } from './file.ts'

/** `millrace backup inspect FILE`: what is in it, once every byte was checked. */
export async function backupInspectCommand(io: Io, file: string, flags: JsonFlags): Promise<void> {
  const contents = await contentsOf(await existingFile(io, file), io.signal)
  if (flags.json) return printJson(io, contents)
  await printTable(io, contents.streams, STREAM_COLUMNS)
  const { createdAt, id, bytes, entries, streams } = contents
  await print(
    io,
    `${plural(streams.length, 'stream')}, ${plural(entries, 'entry', 'entries')}, ${plural(bytes, 'byte')}, written ${createdAt} by job ${id}; every byte was checked`,
  )
}

/** Without what only the reader needs. */
async function contentsOf(path: string, signal: AbortSignal): Promise<BackupContents> {
  const { createdAt, id, formatVersion, bytes, entries, pending, streams } = await checkBackup(path, signal)
  return { createdAt, id, formatVersion, bytes, entries, pending, streams: streams.map(shown) }
}

const shown = ({
  name,
  entries,
  pending,
  groups,
  deadLetters,
  scheduled,
}: BackedUpStream): BackedUpStream => ({
  name,
  entries,
  pending,
  groups,
  deadLetters,
  scheduled,
})

export const STREAM_COLUMNS: readonly Column<BackedUpStream>[] = [
  { title: 'STREAM', text: ({ name }) => name, shrinks: true },
  { title: 'ENTRIES', text: ({ entries }) => formatCount(entries), align: 'right' },
  { title: 'PENDING', text: ({ pending }) => formatCount(pending), align: 'right' },
  { title: 'DEAD', text: ({ deadLetters }) => formatCount(deadLetters), align: 'right' },
  { title: 'SCHEDULED', text: ({ scheduled }) => formatCount(scheduled), align: 'right' },
  { title: 'GROUPS', text: ({ groups }) => groups.join(', '), shrinks: true },
]
