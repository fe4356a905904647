import { startTestPostgres, type TestServer } from '../../src/engines/test-servers.ts'
import { Database } from '../../src/postgres/database.ts'
import { migrate } from '../../src/postgres/migrations.ts'
import { createTestDatabase } from '../../src/postgres/test-database.ts'
import { useEach, useOnce } from './use.ts'

/** A PostgreSQL for the tests of one file. */
export const usePostgres = (): TestServer => useOnce(startTestPostgres, (server) => server.stop())

export interface TestDatabase {
  readonly url: string
  readonly database: Database
}

/** A database for each test, with all that Millrace keeps there and nothing in it. */
export const useDatabase = (server: TestServer): TestDatabase =>
  useEach(
    async () => {
      const url = await createTestDatabase(server.url)
      const database = new Database({ url })
      await migrate(database)
      return { url, database }
    },
    ({ database }) => database.close(),
  )
