export type { FailedOutboxEvent, OutboxKeeper, OutboxStatus, PrepareEvents } from '../core/outbox.ts'
export {
  Inbox,
  type InboxOptions,
  type TransactionBatchHandler,
  type TransactionHandler,
  type TransactionOptions,
} from './inbox.ts'
export { openPostgres, type Postgres, type PostgresOptions } from './open-postgres.ts'
export { OutboxRelay, type RelayStatus } from './outbox-relay.ts'
export { Outbox } from './outbox.ts'
export type { RelayOptions } from './relay-options.ts'
export type { ConnectionPool, SqlClient, Transaction } from './transaction.ts'
