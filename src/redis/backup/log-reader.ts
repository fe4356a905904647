import { RECORD, type BackupRecord } from '../../core/backup.ts'
import { comparePositions, FIRST_POSITION } from '../../core/position.ts'
import type { PatientConnection } from '../connections/patient.ts'
import { groupKeys } from '../keys.ts'
import { record } from './backup-records.ts'
import { deletedScript } from './backup-scripts.ts'
import { scanPages } from './scan-pages.ts'

/** More in one reply would hold up other clients for longer than a few milliseconds. */
const MAX_ENTRIES = 500
const PAGE_BYTES = 512 * 1024
const MAX_PENDING = 500

type EntryRow = [position: Buffer, parts: Buffer[]]
type PendingRow = [position: Buffer, consumer: Buffer, idleMs: number, deliveries: number]

export interface LogEnds {
  readonly key: string
  readonly after: string
  readonly last: string
}

/**
 * The entries of a log up to where it ended, in pages. The size of the next page follows from that of the one before, and at
 * most doubles, since nothing tells how large entries are before they are there.
 */
export async function* readEntries(
  connection: PatientConnection,
  ends: LogEnds,
): AsyncGenerator<BackupRecord[]> {
  let count = 1
  let next = ask(connection, ends, ends.after, count)
  for (;;) {
    const rows = await next
    if (rows.length === 0) return
    const asked = count
    const { records, bytes } = toEntries(rows)
    count = Math.max(1, Math.min(MAX_ENTRIES, asked * 2, Math.floor((PAGE_BYTES * rows.length) / bytes)))
    const at = rows.at(-1)![0].toString('latin1')
    const more = rows.length === asked && at !== ends.last
    // Redis makes the next page ready while this one is worked on.
    if (more) next = ask(connection, ends, at, count)
    next.catch(() => {})
    yield records
    if (!more) return
  }
}

function ask(
  connection: PatientConnection,
  { key, last }: LogEnds,
  after: string,
  count: number,
): Promise<EntryRow[]> {
  const from = after === FIRST_POSITION ? '-' : `(${after}`
  const args = ['XRANGE', key, from, last, 'COUNT', String(count)]
  return connection.insist(key, () => connection.send<EntryRow[]>(args, undefined, 'bytes'))
}

function toEntries(rows: readonly EntryRow[]): { records: BackupRecord[]; bytes: number } {
  let bytes = 0
  const records = rows.map(([position, parts]) => {
    for (const part of parts) bytes += part.length + 16
    parts.unshift(position)
    return { kind: RECORD.entry, parts }
  })
  return { records, bytes }
}

/** The end of the entries: what was deleted from among them. */
export async function readDeleted(
  connection: PatientConnection,
  { key, last }: LogEnds,
): Promise<BackupRecord> {
  const deleted = await connection.insist(key, () => deletedScript.run(connection, [key], []))
  return record(RECORD.deleted, comparePositions(deleted, last) > 0 ? last : deleted)
}

/**
 * The consumers of a group, and what is pending in it. What was delivered behind the position is unread in the backup, so it
 * is left out; what was acknowledged since the position was read is simply not pending any more.
 */
export async function* readMembers(
  connection: PatientConnection,
  key: string,
  group: Buffer,
  delivered: string,
): AsyncGenerator<BackupRecord[]> {
  const ours = new Set<string>()
  for await (const page of scanPages(connection, 'ZSCAN', groupKeys(key, group.toString()).heartbeats))
    for (let at = 0; at < page.length; at += 2) ours.add(page[at]!.toString('latin1'))
  const info = await connection.insist(key, () =>
    connection.send<Buffer[][]>(['XINFO', 'CONSUMERS', key, group], undefined, 'bytes'),
  )
  const names = info.map((consumer) => consumer[consumer.findIndex((part) => String(part) === 'name') + 1]!)
  if (names.length > 0)
    yield names.map((name) => record(RECORD.consumer, group, name, ours.has(name.toString('latin1')) ? 1 : 0))
  for (let from = '-'; ;) {
    const args = ['XPENDING', key, group, from, delivered, String(MAX_PENDING)]
    const rows = await connection.insist(key, () => connection.send<PendingRow[]>(args, undefined, 'bytes'))
    if (rows.length > 0)
      yield rows.map(([position, consumer, idleMs, deliveries]) =>
        record(RECORD.pending, group, position, consumer, deliveries, Math.max(0, idleMs)),
      )
    const at = rows.at(-1)?.[0].toString('latin1')
    if (rows.length < MAX_PENDING || at === delivered) return
    from = `(${at}`
  }
}
