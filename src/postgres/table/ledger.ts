import type { Database, Query } from '../database.ts'
import { migrating } from '../migrations.ts'

const LEDGER = 'millrace_sink_ledger'

/**
 * Which entries a pipeline has written to a table, so that a repeat is known; in the database of that table, which need
 * not be that of Millrace.
 */
const SQL = `
  CREATE TABLE ${LEDGER} (
    pipeline text COLLATE "C" NOT NULL,
    identity text COLLATE "C" NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (pipeline, identity)
  );
  CREATE INDEX ${LEDGER}_age ON ${LEDGER} USING brin (written_at);
`

/**
 * Makes the ledger where there is none, also after somebody dropped it: what was written before that is not known any more.
 * Where it is there, its user needs no right to make tables.
 */
export async function ensureLedger(database: Database): Promise<void> {
  if (await isThere(database.query)) return
  await migrating(database, async (query) => {
    // Another instance may have been faster.
    if (!(await isThere(query))) await query(SQL)
  })
}

async function isThere(query: Query): Promise<boolean> {
  const [row] = await query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [LEDGER])
  return row!.there
}
