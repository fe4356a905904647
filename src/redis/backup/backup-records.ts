import type { BackupRecord, RecordKind } from '../../core/backup.ts'

/** A record of texts, numbers and bytes. */
export const record = (kind: RecordKind, ...parts: readonly (string | number | Buffer)[]): BackupRecord => ({
  kind,
  parts: parts.map((part) => (Buffer.isBuffer(part) ? part : Buffer.from(String(part)))),
})
