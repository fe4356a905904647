import type { AuditTrail } from '../core/audit.ts'
import type { PrepareEvents } from '../core/outbox.ts'
import type { ProcessedEvents } from '../core/processed-events.ts'
import { requireCounts } from '../core/require-counts.ts'
import { noLog, type Log } from '../core/service.ts'
import type { Tracing } from '../core/tracing.ts'
import type { StreamLog } from '../core/stream-log.ts'
import type { TlsSource } from '../core/tls.ts'
import { PostgresAuditTrail } from './audit-trail.ts'
import { Database } from './database.ts'
import { Inbox } from './inbox.ts'
import { DEFAULT_KEEP_MS, InboxPruner } from './inbox-pruner.ts'
import { migrateApp } from './app-migrations.ts'
import type { Migration } from './migration.ts'
import { migrate } from './migrations.ts'
import { OutboxRelay } from './outbox-relay.ts'
import { Permits } from './permits.ts'
import { PublishedListener } from './published-listener.ts'
import { Outbox } from './outbox.ts'
import { PostgresProcessedEvents } from './processed-events.ts'
import type { RelayOptions } from './relay-options.ts'
import { runQuery, Transactions, type TransactionsOptions } from './transactions.ts'
import type { QueryResult, Transaction } from './transaction.ts'

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`. */
  url: string
  /** Speak TLS, with the certificate of the server checked; for when the URL says nothing of it. */
  tls?: TlsSource | undefined
  log?: Log
  /** Connections at most (10), besides one for each relay. Two of them the inbox leaves to others. */
  maxConnections?: number
  /** What events of the outbox go through (checked against their declaration): a publisher's, where it has middleware. */
  prepare?: PrepareEvents
  /** Makes spans of the inbox, the outbox and the audit trail; see `openTelemetry`. Off by default. */
  tracing?: Tracing | undefined
  /** How long the inbox knows what was processed, in ms (7 days): longer than any entry is pending. */
  inboxKeepMs?: number
  /** Tables of your own, in the order in which they are made, each step once; see {@link migrateApp}. */
  migrations?: readonly Migration[]
}

/** What Millrace keeps in PostgreSQL. */
export interface Postgres {
  readonly audit: AuditTrail
  readonly events: ProcessedEvents
  /** Handlers whose effects are committed exactly once. */
  readonly inbox: Inbox
  /** Events that are published if a transaction commits. */
  readonly outbox: Outbox
  /** A relay that publishes what the outbox holds. Whoever starts it stops it; `close` does so at the latest. */
  relay(log: StreamLog, options?: RelayOptions): OutboxRelay
  /** Runs work in a transaction of its own. Its permits are those of the inbox, so open no second one within. */
  transaction<T>(work: (tx: Transaction) => Promise<T>, options?: TransactionsOptions): Promise<T>
  /** Runs one statement outside of any transaction. Errors of PostgreSQL come as they are. */
  query<Row extends object>(text: string, values?: unknown[]): Promise<QueryResult<Row>>
  /**
   * The position of an event of the outbox, as soon as it is published by any relay; null when that does not come to be
   * within `timeoutMs`. Where no relay runs, `listen` has to be called before.
   */
  published(eventId: string, timeoutMs: number): Promise<string | null>
  /** Learns of what relays elsewhere publish, on a connection of its own. */
  listen(): void
  /** Resolves when the database answers, rejects with `DATABASE_UNAVAILABLE` when it does not. */
  ping(): Promise<void>
  /** Stops relays, writes what the audit trail was told, waits for handlers that run, then disconnects. Idempotent. */
  close(): Promise<void>
}

const DEFAULT_MAX_CONNECTIONS = 10
const LEFT_TO_OTHERS = 2
const RELAY_STOP_MS = 5_000

/**
 * Connects and brings the tables up to date, once: whoever wants more attempts makes them. After that it finds back by
 * itself after an outage; what is asked meanwhile fails with `DATABASE_UNAVAILABLE` and may be asked again.
 *
 * @throws MillraceError `CONFIGURATION_INVALID`, `DATABASE_UNAVAILABLE`; then nothing is left open
 * @example
 * const { audit, inbox, outbox, relay, close } = await openPostgres({ url: 'postgres://postgres@localhost:5432/orders' })
 */
export async function openPostgres(options: PostgresOptions): Promise<Postgres> {
  const { url, tls, log, tracing, maxConnections, inboxKeepMs, prepare, migrations } =
    resolvePostgresOptions(options)
  const onError = (error: Error) =>
    log.warn({ error }, 'a connection to PostgreSQL broke; the next one is new')
  const database = new Database({ url, tls, onError, maxConnections })
  await migrate(database)
  await migrateApp(database, migrations)
  const audit = new PostgresAuditTrail(database, log, tracing)
  const pruner = new InboxPruner(database, log, inboxKeepMs)
  await pruner.start()
  const relays: OutboxRelay[] = []
  const permits = new Permits(Math.max(1, maxConnections - LEFT_TO_OTHERS))
  const transactions = new Transactions(database, permits)
  const listener = new PublishedListener(database, log)
  return {
    audit,
    events: new PostgresProcessedEvents(database),
    inbox: new Inbox(database, { log, tracing, permits }),
    outbox: new Outbox(database, prepare, tracing),
    relay(streamLog, relayOptions) {
      const { positions } = listener
      const relay = new OutboxRelay(database, streamLog, { ...relayOptions, log, tracing, positions })
      relays.push(relay)
      return relay
    },
    transaction: (work, transactionOptions) => transactions.run(work, transactionOptions),
    query: (text, values) => runQuery(database, text, values),
    published: (eventId, timeoutMs) => listener.positions.await(eventId, timeoutMs),
    listen: () => listener.start(),
    ping: () => database.ping(),
    async close() {
      await Promise.all([pruner.stop(), listener.stop(), ...relays.map((relay) => relay.stop(RELAY_STOP_MS))])
      await audit.close()
      await database.close()
    },
  }
}

function resolvePostgresOptions(options: PostgresOptions) {
  const resolved = {
    log: noLog,
    maxConnections: DEFAULT_MAX_CONNECTIONS,
    inboxKeepMs: DEFAULT_KEEP_MS,
    migrations: [],
    ...options,
  }
  requireCounts('PostgreSQL can not be used like this', resolved, ['maxConnections', 'inboxKeepMs'])
  return resolved
}
