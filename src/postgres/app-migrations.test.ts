import { expect, it } from 'vitest'
import { usePostgres, useDatabase } from '../../test/support/use-postgres.ts'
import { migrateApp } from './app-migrations.ts'
import { Database } from './database.ts'

const here = useDatabase(usePostgres())

const users = { name: '001-users', sql: 'CREATE TABLE users (id int)' }
const index = { name: '002-index', sql: 'CREATE INDEX users_id ON users (id);\nINSERT INTO users VALUES (1)' }

const migrate = (...migrations: { name: string; sql: string }[]) => migrateApp(here.database, migrations)
const refused = (message: RegExp | string) =>
  expect.objectContaining({ code: 'CONFIGURATION_INVALID', message: expect.stringMatching(message) })
const rows = (text: string) => here.database.query(text)
const names = async () =>
  (await here.database.query<{ name: string }>('SELECT name FROM millrace_app_migrations ORDER BY name')).map(
    ({ name }) => name,
  )

it('each step runs once, in order, whatever number of instances start at once', async () => {
  const instances = [1, 2, 3].map(() => new Database({ url: here.url }))
  await Promise.all(instances.map((one) => migrateApp(one, [users, index])))
  await Promise.all(instances.map((one) => one.close()))
  await migrate(users, index)
  expect(await names()).toEqual(['001-users', '002-index'])
  expect(await rows('SELECT id FROM users')).toEqual([{ id: 1 }])
})

it('a step that was changed after it ran is refused by name, however its lines end nothing changed', async () => {
  await migrate(users, index)
  await migrate(users, { ...index, sql: `\n${index.sql.replace('\n', '\r\n')}\n` })
  const changed = { ...users, sql: 'CREATE TABLE users (id bigint)' }
  const added = { name: '003-more', sql: 'CREATE TABLE more (id int)' }
  await expect(migrate(changed, index, added)).rejects.toThrow(refused('001-users'))
  expect(await names()).toHaveLength(2)
})

it('a new step in front of one that ran is refused, and what a newer version added is left alone', async () => {
  await migrate(users, index)
  await migrate(users)
  const between = { name: '001b', sql: 'SELECT 1' }
  await expect(migrate(users, between, index)).rejects.toThrow(refused('001b.*"002-index"'))
})

it('of steps of which one fails none is done, and it is named', async () => {
  await expect(migrate(users, { name: '002-bad', sql: 'CREATE TABEL x ()' })).rejects.toThrow(
    refused(/"002-bad".*syntax error/),
  )
  expect(await rows("SELECT to_regclass('users') AS users")).toEqual([{ users: null }])
  await migrate(users)
  expect(await names()).toEqual(['001-users'])
})

it('a step that ends the transaction is refused', async () => {
  await expect(migrate({ name: '001-own', sql: 'CREATE TABLE own (id int); COMMIT' })).rejects.toThrow(
    refused('001-own.*COMMIT'),
  )
  await expect(migrate({ name: '002-own', sql: 'COMMIT; BEGIN' })).rejects.toThrow(refused('002-own.*COMMIT'))
})
