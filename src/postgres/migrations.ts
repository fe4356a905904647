import { MillraceError } from '../core/errors.ts'
import type { Database, Query } from './database.ts'
import type { Migration } from './migration.ts'
import { auditTrail } from './migrations/0001-audit-trail.ts'
import { outbox } from './migrations/0002-outbox.ts'
import { auditByStream } from './migrations/0003-audit-by-stream.ts'
import { auditByUser } from './migrations/0004-audit-by-user.ts'
import { requests } from './migrations/0005-requests.ts'

/** In the order in which they run. */
const MIGRATIONS: readonly Migration[] = [auditTrail, outbox, auditByStream, auditByUser, requests]

/** Any number, the same in all instances for ever. */
const LOCK = 7_311_406_829

/**
 * Brings the tables up to date, all steps or none. Several instances may start at once: one works, the others wait and
 * find it done. Everything, the lock included, belongs to one transaction, so whoever dies in it leaves nothing behind.
 * Steps that a newer version made are left alone.
 */
export const migrate = (database: Database, migrations: readonly Migration[] = MIGRATIONS): Promise<void> =>
  migrating(database, async (query) => {
    for (const { name, sql } of await missing(query, migrations)) {
      await query(sql)
      await query('INSERT INTO millrace_migrations (name) VALUES ($1)', [name])
    }
  })

/** Work on the tables in one transaction, while nobody else works on them. */
export const migrating = (database: Database, work: (query: Query) => Promise<void>): Promise<void> =>
  database.session(async (query) => {
    await refuseOtherEncodings(query)
    // A server that is busy with a step notices that we died, and gives up. Not every version and system can do that.
    await query("SET client_connection_check_interval = '2s'").catch(() => {})
    await query('BEGIN')
    await query('SELECT pg_advisory_xact_lock($1)', [LOCK])
    await work(query)
    await query('COMMIT')
  })

async function missing(query: Query, migrations: readonly Migration[]): Promise<Migration[]> {
  await query(`CREATE TABLE IF NOT EXISTS millrace_migrations (
    name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now()
  )`)
  const rows = await query<{ name: string }>('SELECT name FROM millrace_migrations')
  const done = new Set(rows.map(({ name }) => name))
  return migrations.filter(({ name }) => !done.has(name))
}

/** In another encoding there would be events that can't be written down. */
async function refuseOtherEncodings(query: Query): Promise<void> {
  const [row] = await query<{ server_encoding: string }>('SHOW server_encoding')
  const encoding = row!.server_encoding
  if (encoding === 'UTF8') return
  throw new MillraceError(
    'DATABASE_UNAVAILABLE',
    `the database has the encoding ${encoding}: create one with ENCODING 'UTF8', and name it in DATABASE_URL`,
  )
}
