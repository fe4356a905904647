import type { AuditTrail } from '../core/audit.ts'
import type { ProcessedEvents } from '../core/processed-events.ts'
import { noLog, type Log } from '../core/service.ts'
import { PostgresAuditTrail } from './audit-trail.ts'
import { Database } from './database.ts'
import { InboxPruner } from './inbox-pruner.ts'
import { migrate } from './migrations.ts'
import { PostgresProcessedEvents } from './processed-events.ts'

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`. */
  url: string
  log?: Log
}

/** What Millrace keeps in PostgreSQL. */
export interface Postgres {
  readonly audit: AuditTrail
  readonly events: ProcessedEvents
  /** Resolves when the database answers, rejects with `DATABASE_UNAVAILABLE` when it does not. */
  ping(): Promise<void>
  /** Writes what the audit trail was told, then disconnects. Idempotent. */
  close(): Promise<void>
}

/**
 * Connects and brings the tables up to date, once: whoever wants more attempts makes them. After that it finds back by
 * itself after an outage; what is asked meanwhile fails with `DATABASE_UNAVAILABLE` and may be asked again.
 *
 * @throws MillraceError `CONFIGURATION_INVALID`, `DATABASE_UNAVAILABLE`; then nothing is left open
 * @example
 * const { audit, events, close } = await openPostgres({ url: 'postgres://postgres@localhost:5432/orders' })
 */
export async function openPostgres({ url, log = noLog }: PostgresOptions): Promise<Postgres> {
  const onError = (error: Error) =>
    log.warn({ error }, 'a connection to PostgreSQL broke; the next one is new')
  const database = new Database({ url, onError })
  await migrate(database)
  const audit = new PostgresAuditTrail(database, log)
  const pruner = new InboxPruner(database, log)
  await pruner.start()
  return {
    audit,
    events: new PostgresProcessedEvents(database),
    ping: () => database.ping(),
    async close() {
      await pruner.stop()
      await audit.close()
      await database.close()
    },
  }
}
