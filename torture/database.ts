import { Client } from 'pg'
import { insist } from './insist.ts'

export const DATABASE_USER = 'torture'

const PATIENCE_MS = 60_000

/** The checker's own way to the database: not through a proxy, and a connection for each question. */
export async function ask<Row extends object>(url: string, sql: string): Promise<Row[]> {
  const end = performance.now() + PATIENCE_MS
  return insist(
    async () => {
      const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
      client.on('error', () => {}) // the call that fails says so
      try {
        await client.connect()
        return (await client.query<Row>(sql)).rows
      } finally {
        await client.end().catch(() => {})
      }
    },
    () => performance.now() > end,
  )
}

/** A user whose password is a canary, and the table of effects, which refuses no second one: the checker counts. */
export async function prepareDatabase(url: string, password: string): Promise<void> {
  await ask(url, `CREATE ROLE ${DATABASE_USER} SUPERUSER LOGIN PASSWORD '${password}'`)
  await ask(url, 'CREATE TABLE torture_effects (id text NOT NULL, position text NOT NULL)')
}

/** How the processes connect: through the proxy, with the canary. */
export function databaseUrl(url: string, port: number, password: string): string {
  const through = new URL(url)
  through.username = DATABASE_USER
  through.password = password
  through.port = String(port)
  return through.href
}
