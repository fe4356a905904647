import type { Migration } from '../migration.ts'

/** What transactions answered that belong to a request with an `Idempotency-Key`: the result as JSON. */
export const requests: Migration = {
  name: '0005-requests',
  sql: `
    CREATE TABLE millrace_requests (
      key text PRIMARY KEY,
      digest text NOT NULL,
      result text,
      created_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX millrace_requests_by_age ON millrace_requests (created_at)`,
}
