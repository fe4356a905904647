import type { Bus } from '../../src/bus/bus.ts'
import type { Postgres } from '../../src/postgres/open-postgres.ts'
import type { SqlClient } from '../../src/postgres/transaction.ts'
import type { Journal } from './journal.ts'
import type { streamsOf } from './plan.ts'
import type { Ask, Send } from './progress.ts'

/** The servers themselves, for what is done and asked past everything that is tested. */
export interface Servers {
  readonly send: Send
  readonly ask: Ask
  /** Runs work in a transaction of PostgreSQL, as an application would. */
  transaction(work: (client: SqlClient) => Promise<void>): Promise<void>
}

/** What the parts of the scenario work with. */
export interface Surroundings {
  readonly run: string
  readonly streams: ReturnType<typeof streamsOf>
  readonly servers: Servers
  readonly bus: Bus
  readonly postgres: Postgres
  readonly journal: Journal
}
