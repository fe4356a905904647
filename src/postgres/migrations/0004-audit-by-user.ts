import type { Migration } from '../migration.ts'

/** For pages of what concerns one user, newest first. It costs nothing where events name none. */
export const auditByUser: Migration = {
  name: '0004-audit-by-user',
  sql: 'CREATE INDEX millrace_audit_by_user ON millrace_audit (user_id, id) WHERE user_id IS NOT NULL',
}
