import type { Migration } from '../migration.ts'

/**
 * Which entries a pipeline has written to a table, so that a repeat is known; in the database of that table, which need
 * not be that of Millrace.
 */
export const sinkLedger: Migration = {
  name: 'sink-0001-ledger',
  sql: `
    CREATE TABLE millrace_sink_ledger (
      pipeline text COLLATE "C" NOT NULL,
      identity text COLLATE "C" NOT NULL,
      written_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (pipeline, identity)
    );
    CREATE INDEX millrace_sink_ledger_age ON millrace_sink_ledger USING brin (written_at);
  `,
}
