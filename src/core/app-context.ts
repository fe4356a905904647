import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { BatchHandler, Delivery, Handler } from './delivery.ts'
import type { NewEvent } from './event.ts'
import type { ProcessedEvents } from './processed-events.ts'
import type { AskedContract, RequestOptions } from './rpc.ts'
import type { Log } from './service.ts'
import type { DataIn, Schemas, StreamDeclaration, TypeOf } from './stream.ts'

/** What an app gets of the service that runs it. Its functions stand on their own, so that they can be taken apart. */
export interface AppContext {
  /**
   * Publishes one event, through the circuit and the middleware of the service, with the correlation id of the request or
   * the event that is worked on. Answers its position in the stream.
   *
   * @throws InvalidError `EVENT_INVALID` with the fields at fault
   * @throws MillraceError `CIRCUIT_OPEN`, `REDIS_UNAVAILABLE`; `PUBLISH_UNCERTAIN` when the reply was lost: publishing
   *   again is safe with an `idempotencyKey`
   * @example
   * const messageId = await context.publish(chat, 'message.sent', { content: 'hi' }, { key: 'room-1' })
   */
  publish<S extends Schemas, K extends TypeOf<S>>(
    stream: StreamDeclaration<S>,
    type: K,
    data: DataIn<S, K>,
    options?: EventOptions,
  ): Promise<string>

  /**
   * Runs work in a transaction: what it changes and what it publishes commit together, or not at all. Rolled back when
   * the work throws, and when the signal is aborted. A few run at once and the others wait, so do nothing slow in it,
   * and open no second one within.
   *
   * @throws whatever the work throws; errors of PostgreSQL as they come, with the SQLSTATE in `code`
   * @throws MillraceError `DATABASE_UNAVAILABLE` also when the connection broke: then the commit may have happened all
   *   the same; `TRANSACTION_ROLLED_BACK` where a statement had failed and the work went on
   * @example
   * const eventId = await context.transaction(async (tx) => {
   *   await tx.query('UPDATE users SET status = $1 WHERE id = $2', ['suspended', id])
   *   return tx.publish(users, 'user.updated', { id, status: 'suspended' }, { key: id })
   * })
   * const messageId = await context.published(eventId, 500)
   */
  transaction<T>(work: (tx: AppTransaction) => Promise<T>, options?: AppTransactionOptions): Promise<T>

  /**
   * The position of an event that a transaction published, as soon as it is in its stream; null when that does not come
   * to be within so many ms, and the event comes later. Ask after the commit.
   */
  published(eventId: string, withinMs: number): Promise<string | null>

  /**
   * Runs one statement outside of any transaction, for reads.
   *
   * @throws errors of PostgreSQL as they come; MillraceError `DATABASE_UNAVAILABLE`
   * @example
   * const { rows } = await context.query<{ id: string }>('SELECT id FROM users WHERE email = $1', [email])
   */
  query<Row extends object = Record<string, unknown>>(text: string, values?: unknown[]): Promise<RowsOf<Row>>

  /**
   * Asks by a contract (`rpc` of `millrace/rpc`), and answers the reply of one of the responders that run, in this process or
   * another. For the roles `ingress` and `api`.
   *
   * @throws InvalidError `EVENT_INVALID` for a request that does not fit; `RpcError` for what the contract declares
   * @throws MillraceError `RPC_TIMEOUT` (answered as 504), `RPC_FAILED` where the handler failed otherwise (502),
   *   `CIRCUIT_OPEN`, `RPC_BUSY`, `RPC_CANCELLED`, `RPC_INTERRUPTED`, and `RPC_UNAVAILABLE` in another role (all 503)
   * @example
   * const { temperature } = await context.request(weather, { city: 'Seattle' }, { timeout: 5_000 })
   */
  request<C extends AskedContract>(
    contract: C,
    data: StandardSchemaV1.InferInput<C['request']>,
    options?: RequestOptions,
  ): Promise<StandardSchemaV1.InferOutput<C['reply']>>

  /** The audit trail: which events were consumed, and how that went. */
  readonly events: ProcessedEvents

  readonly log: Log

  /** Aborted when the service stops. */
  readonly signal: AbortSignal
}

/** What may be said of an event besides type and data, such as its `key`. */
export type EventOptions = Omit<NewEvent, 'type' | 'data'>

/** What may be said of one that waits for a commit: how many replicas have it can't be waited for then. */
export type TransactionEventOptions = Omit<EventOptions, 'durability'>

export interface AppTransactionOptions {
  /** Rolls back, whatever the work is doing. */
  signal?: AbortSignal
  /** `read committed` unless told otherwise. */
  isolation?: 'read committed' | 'repeatable read' | 'serializable'
}

export interface RowsOf<Row> {
  rows: Row[]
  /** How many rows the statement touched. */
  rowCount: number | null
}

/** An open transaction, lent to the work: over when that ends, and refused from then on. */
export interface AppTransaction {
  /**
   * Runs one statement. After one that failed the transaction takes nothing more, as always in PostgreSQL: a statement
   * that may fail belongs behind a SAVEPOINT.
   *
   * @throws errors of PostgreSQL as they come; MillraceError `TRANSACTION_ENDED`
   */
  query<Row extends object = Record<string, unknown>>(text: string, values?: unknown[]): Promise<RowsOf<Row>>

  /**
   * Publishes an event if, and only if, the transaction commits: it waits in the outbox, and a relay puts it into its
   * stream, also after a crash. Events of one key keep their order. Answers the event's id.
   *
   * @throws InvalidError `EVENT_INVALID` with the fields at fault; MillraceError `EVENT_FILTERED` where middleware took
   *   it out
   */
  publish<S extends Schemas, K extends TypeOf<S>>(
    stream: StreamDeclaration<S>,
    type: K,
    data: DataIn<S, K>,
    options?: TransactionEventOptions,
  ): Promise<string>
}

/** What declarations are bound to when a service runs them. */
export interface AppRuntime {
  readonly context: AppContext
  /** A handler whose effects in `tx` are committed exactly once per entry and group: with the inbox. */
  once(handle: (delivery: Delivery, tx: AppTransaction) => Promise<void> | void): Handler
}

/** What a worker runs of a group. */
export type GroupRun = { readonly handler: Handler } | { readonly batchHandler: BatchHandler }
