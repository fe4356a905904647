import type { AuditRow } from './audit-row.ts'
import { inboxColumns, inInboxOrder } from './inbox-statement.ts'

/**
 * Audit rows and inbox rows in one statement, which is one transaction and one round trip. What is told again changes
 * nothing, and a state only ever moves up, in whatever order several processes tell.
 */
export const TELL = `
  WITH inbox AS (
    INSERT INTO millrace_inbox (stream, "group", position, fingerprint)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[])
    ON CONFLICT DO NOTHING
  )
  INSERT INTO millrace_audit AS audit
    (stream, position, fingerprint, event_type, user_id, payload, state, consumer, error, processed_at)
  SELECT told.*, CASE WHEN told.state <> 'pending' THEN now() END
  FROM unnest(
    $5::text[], $6::text[], $7::uuid[], $8::text[], $9::text[], $10::text[], $11::millrace_state[], $12::text[],
    $13::text[]
  ) AS told (stream, position, fingerprint, event_type, user_id, payload, state, consumer, error)
  ON CONFLICT (stream, position, fingerprint) DO UPDATE
  SET state = excluded.state,
      processed_at = excluded.processed_at,
      consumer = excluded.consumer,
      error = excluded.error
  WHERE excluded.state > audit.state`

/** The values of {@link TELL}, a column each. */
export function tellValues(rows: readonly AuditRow[]): unknown[][] {
  return [
    ...inboxColumns(inInboxOrder(rows.flatMap(({ inbox }) => inbox))),
    rows.map((row) => row.stream),
    rows.map((row) => row.position),
    rows.map((row) => row.fingerprint),
    rows.map((row) => row.eventType),
    rows.map((row) => row.userId),
    rows.map((row) => row.payload),
    rows.map((row) => row.state),
    rows.map((row) => row.consumer),
    rows.map((row) => row.error),
  ]
}
