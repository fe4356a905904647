import { hash } from 'node:crypto'
import { InvalidError, toError, type Issue } from '../core/errors.ts'
import type { Database, Query } from './database.ts'
import type { Migration } from './migration.ts'
import { migrating } from './migrations.ts'

/**
 * Brings the tables of an app up to date, all steps or none; of several instances that start at once one works, and the
 * others find it done. What ran is recorded with a digest. Steps that a newer version of the app made are left alone.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with each step that was changed after it had run, and each that is new in
 *   front of one that ran; for a step that PostgreSQL refuses
 */
export async function migrateApp(database: Database, migrations: readonly Migration[]): Promise<void> {
  if (migrations.length === 0) return
  await migrating(database, async (query) => {
    const done = await recorded(query)
    const issues = [...changed(migrations, done), ...late(migrations, done)]
    if (issues.length > 0)
      throw new InvalidError(
        'CONFIGURATION_INVALID',
        'the tables of the app can not be brought up to date',
        issues,
      )
    for (const migration of migrations) if (!done.has(migration.name)) await apply(query, migration)
  })
}

/** The digests of what ran, by name. */
async function recorded(query: Query): Promise<Map<string, string>> {
  await query(`CREATE TABLE IF NOT EXISTS millrace_app_migrations (
    name text PRIMARY KEY, digest text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
  )`)
  const rows = await query<{ name: string; digest: string }>(
    'SELECT name, digest FROM millrace_app_migrations',
  )
  return new Map(rows.map(({ name, digest }) => [name, digest]))
}

const changed = (migrations: readonly Migration[], done: ReadonlyMap<string, string>): Issue[] =>
  migrations
    .filter(({ name, sql }) => done.has(name) && done.get(name) !== digestOf(sql))
    .map(({ name }) => ({
      path: `migrations.${name}`,
      message: 'has run here and was other then: put it back, and make the change in a new one',
    }))

function late(migrations: readonly Migration[], done: ReadonlyMap<string, string>): Issue[] {
  const last = migrations.findLastIndex(({ name }) => done.has(name))
  return migrations
    .slice(0, last + 1)
    .filter(({ name }) => !done.has(name))
    .map(({ name }) => ({
      path: `migrations.${name}`,
      message: `is new, and stands before "${migrations[last]!.name}", which has run here: put it at the end`,
    }))
}

async function apply(query: Query, { name, sql }: Migration): Promise<void> {
  const transaction = await idOf(query)
  await query(sql).catch((error: unknown) => {
    if (!isFaultOfStep(error)) throw error
    const message = `the migration "${name}" of the app failed, and nothing was changed: ${toError(error).message}`
    throw new InvalidError('CONFIGURATION_INVALID', message, [], { cause: error })
  })
  if ((await idOf(query)) !== transaction) {
    const message = `the migration "${name}" ended its transaction: leave BEGIN and COMMIT out`
    throw new InvalidError('CONFIGURATION_INVALID', message)
  }
  await query('INSERT INTO millrace_app_migrations (name, digest) VALUES ($1, $2)', [name, digestOf(sql)])
}

async function idOf(query: Query): Promise<string> {
  const [row] = await query<{ id: string }>('SELECT pg_current_xact_id()::text AS id')
  return row!.id
}

/** What lies in the statements, as opposed to the server, its resources and the locks of others. */
const isFaultOfStep = (error: unknown): boolean => {
  const { code, severity } = error as { code?: unknown; severity?: unknown }
  return typeof code === 'string' && severity !== undefined && !/^(?:08|40|53|55|57|58|XX)/.test(code)
}

/** However an editor or a checkout ends its lines. */
const digestOf = (sql: string): string => hash('sha256', sql.replaceAll('\r\n', '\n').trim())
