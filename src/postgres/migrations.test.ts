import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { usePostgres } from '../../test/support/use-postgres.ts'
import { Database } from './database.ts'
import { migrate } from './migrations.ts'
import { createTestDatabase, queryOnce } from './test-database.ts'

const server = usePostgres()

/** Steps of which each would fail if it ran twice. */
const STEPS = [1, 2, 3].map((step) => ({
  name: `000${step}`,
  sql: `CREATE TABLE step_${step} (); SELECT pg_sleep(0.05)`,
}))

const names = async (url: string) =>
  (await queryOnce<{ name: string }>(url, 'SELECT name FROM millrace_migrations ORDER BY name')).map(
    ({ name }) => name,
  )

const tables = async (url: string) =>
  (
    await queryOnce<{ tablename: string }>(
      url,
      `SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename`,
    )
  ).map(({ tablename }) => tablename)

it('runs each step once, however many instances start at the same time', async () => {
  const url = await createTestDatabase(server.url)
  const databases = Array.from({ length: 8 }, () => new Database({ url }))
  await Promise.all(databases.map((database) => migrate(database, STEPS)))
  expect(await names(url)).toEqual(['0001', '0002', '0003'])
  await Promise.all(databases.map((database) => database.close()))
})

it('makes the tables that are needed, in a second run nothing, and leaves newer steps alone', async () => {
  const url = await createTestDatabase(server.url)
  const database = new Database({ url })
  await migrate(database)
  await queryOnce(url, `INSERT INTO millrace_migrations (name) VALUES ('9999-of-a-newer-version')`)
  await migrate(database)
  expect(await tables(url)).toEqual([
    'millrace_audit',
    'millrace_inbox',
    'millrace_migrations',
    'millrace_outbox',
    'millrace_requests',
  ])
  await database.close()
})

it('does all steps or none', async () => {
  const url = await createTestDatabase(server.url)
  const database = new Database({ url })
  const broken = [...STEPS, { name: '0004', sql: 'CREATE TABLE step_1 ()' }]
  await expect(migrate(database, broken)).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
  expect(await tables(url)).toEqual([])
  await migrate(database, STEPS)
  expect(await names(url)).toHaveLength(3)
  await database.close()
})

it('recovers from an instance that was killed in the middle, although the server was busy for it', async () => {
  const url = await createTestDatabase(server.url)
  const script = `
    import { Database } from '${new URL('database.ts', import.meta.url)}'
    import { migrate } from '${new URL('migrations.ts', import.meta.url)}'
    const sql = 'CREATE TABLE step_1 (); SELECT pg_sleep(500)'
    await migrate(new Database({ url: process.argv[1] }), [{ name: '0001', sql }])`
  const args = ['--import', 'tsx', '--input-type=module', '-e', script, url]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  const asleep = `SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep(500)' AND wait_event = 'PgSleep'`
  await expect.poll(async () => (await queryOnce(url, asleep)).length, { timeout: 20_000 }).toBe(1)
  child.kill('SIGKILL')
  await once(child, 'exit')

  const database = new Database({ url })
  await migrate(database, STEPS)
  expect(await names(url)).toEqual(['0001', '0002', '0003'])
  expect(await queryOnce(url, asleep)).toEqual([])
  await database.close()
})

it('refuses a database whose encoding can not hold every event', async () => {
  const encoding = `ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0`
  const url = await createTestDatabase(server.url, encoding)
  const database = new Database({ url })
  await expect(migrate(database)).rejects.toThrow(/LATIN1.*ENCODING 'UTF8'/)
  await database.close()
})
