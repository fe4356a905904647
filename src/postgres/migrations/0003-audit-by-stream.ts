import type { Migration } from '../migration.ts'

/** For pages of one stream, newest first. Measured: writing the audit trail is slower by less than a tenth. */
export const auditByStream: Migration = {
  name: '0003-audit-by-stream',
  sql: 'CREATE INDEX millrace_audit_by_stream ON millrace_audit (stream, id)',
}
