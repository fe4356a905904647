import type { Migration } from '../migration.ts'

/**
 * The outbox.
 *
 * - `fields` is a JSON array of the entry's names and values: NUL, which a text can't hold, stands escaped in it.
 * - `partition` follows from stream and key: whoever publishes from a partition does so alone. See outbox-row.ts.
 * - Rows come and go quickly, so that vacuum has to come by often.
 * - What waits for another attempt holds up its key; it is little, and looked for at each pass.
 */
export const outbox: Migration = {
  name: '0002-outbox',
  sql: `
    CREATE TABLE millrace_outbox (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      partition smallint NOT NULL,
      stream text COLLATE "C" NOT NULL,
      key text COLLATE "C",
      event_id text COLLATE "C" NOT NULL,
      idempotency_key text NOT NULL,
      fields text NOT NULL,
      size integer NOT NULL,
      attempts integer NOT NULL DEFAULT 0,
      due_at timestamptz NOT NULL DEFAULT now(),
      error text,
      failed_at timestamptz,
      created_at timestamptz NOT NULL DEFAULT now()
    ) WITH (
      autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
      autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000
    );
    CREATE INDEX millrace_outbox_waiting ON millrace_outbox (partition, id) WHERE failed_at IS NULL;
    CREATE INDEX millrace_outbox_blocking ON millrace_outbox (partition) WHERE attempts > 0 AND failed_at IS NULL;
    CREATE INDEX millrace_outbox_failed ON millrace_outbox (id) WHERE failed_at IS NOT NULL;
  `,
}
