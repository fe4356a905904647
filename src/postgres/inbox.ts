import { backoffMs } from '../core/backoff.ts'
import { Postpone, type BatchHandler, type Delivery, type Handler } from '../core/delivery.ts'
import { MillraceError, toError } from '../core/errors.ts'
import { viewOf } from '../core/with-event.ts'
import { pause } from '../core/pause.ts'
import { requireCounts } from '../core/require-counts.ts'
import { noLog, type Log } from '../core/service.ts'
import type { Tracing } from '../core/tracing.ts'
import { isConflict } from './database-errors.ts'
import { claimDeliveries } from './inbox-statement.ts'
import { Permits } from './permits.ts'
import { runTransaction, TransactionLost, type Isolation } from './run-transaction.ts'
import { traced } from './traced.ts'
import { keepListening, type ConnectionPool, type SqlClient, type Transaction } from './transaction.ts'

export interface InboxOptions {
  /** Transactions at once (8); further deliveries wait. Leave some connections of the pool to others. */
  maxTransactions?: number
  log?: Log
  /** Makes a span of each transaction. */
  tracing?: Tracing | undefined
}

export interface TransactionOptions {
  /** Of the transaction (`read committed`). */
  isolation?: Isolation
}

/** What it writes through `tx` is committed together with the fact that this delivery was processed. */
export type TransactionHandler<T = unknown> = (delivery: Delivery<T>, tx: Transaction) => Promise<void> | void
export type TransactionBatchHandler<T = unknown> = (
  deliveries: readonly Delivery<T>[],
  tx: Transaction,
) => Promise<void> | void

/** Starts of a handler within one attempt, where PostgreSQL rolled back for reasons that lie not in the handler. */
const MAX_TRIES = 4
/** As often it waits for PostgreSQL here, about 4 s in all; then the entry waits in the log, and others have their turn. */
const MAX_WAITS = 10
const POSTPONE_MS = 2_000
const MIN_PAUSE_MS = 25
const MAX_PAUSE_MS = 1_000

/**
 * Effects exactly once, where the effect is in PostgreSQL: what a handler writes, and the inbox row that says so, are
 * one transaction. Whatever crashes, and whoever else runs the entry at the same time, commits it once: a second
 * transaction waits for the first one, and finds the row.
 *
 * The row is kept for a week (`inboxKeepMs`). An entry that stays pending for longer after its effect was committed,
 * because nothing consumed its group for all that time, can be run again.
 */
export class Inbox {
  readonly #pool: ConnectionPool
  readonly #permits: Permits
  readonly #log: Log
  readonly #tracing: Tracing | undefined

  /**
   * @param pool of the database in which Millrace keeps its tables, which have to be in the search path; a `Pool` of
   *   `pg` of your own, for handlers that share its settings
   * @throws InvalidError `CONFIGURATION_INVALID`
   */
  constructor(pool: ConnectionPool, options: InboxOptions & { permits?: Permits } = {}) {
    const { maxTransactions = 8, permits, log = noLog, tracing } = options
    requireCounts('the inbox can not work like this', { maxTransactions }, ['maxTransactions'])
    this.#pool = pool
    keepListening(pool)
    this.#permits = permits ?? new Permits(maxTransactions)
    this.#log = log
    this.#tracing = tracing
  }

  /**
   * A handler that runs in a transaction. Returns: committed, then acknowledged. Throws, or its signal is aborted:
   * rolled back, and the failure counts as always. What was processed before is acknowledged without a run.
   *
   * Within one attempt it is started anew, up to three times more, when PostgreSQL rolled back for a deadlock, a
   * serialization failure or a broken connection; what it does besides PostgreSQL is then done again. Before the handler
   * is started, nothing that PostgreSQL does spends an attempt: it waits a few seconds for a connection, then the entry
   * waits in the log. For another consumer's transaction on the same entry it waits until the signal is aborted.
   *
   * It can not `produce`: what comes of the event goes through the outbox, with the same transaction.
   *
   * @example
   * bus.consume(orders, { group: 'ledger' }, {
   *   'order.paid': postgres.inbox.handler(async ({ event }, tx) => {
   *     await tx.query('UPDATE accounts SET balance = balance + $1 WHERE id = $2', [event.data.sum, event.key])
   *   }),
   * })
   */
  handler<T>(handle: TransactionHandler<T>, options?: TransactionOptions): Handler<T> {
    return (delivery) =>
      this.#run([delivery], delivery.signal, async ([fresh], tx) => handle(fresh!, tx), options)
  }

  /**
   * The same for batches: one transaction for all, and the handler gets those that were not processed before. When it
   * throws, all is rolled back, and the worker runs them one by one.
   */
  batchHandler<T>(handle: TransactionBatchHandler<T>, options?: TransactionOptions): BatchHandler<T> {
    return (deliveries) => {
      const signal = AbortSignal.any(deliveries.map((delivery) => delivery.signal))
      return this.#run(deliveries, signal, async (fresh, tx) => handle(fresh, tx), options)
    }
  }

  /**
   * For transactions that another library opens: writes the inbox rows of deliveries and answers those that were not
   * processed before. Only their effects may follow, and the same transaction has to commit them.
   *
   * @example
   * await prisma.$transaction(async (prismaTx) => {
   *   const client = { query: async (text, values = []) => ({ rows: await prismaTx.$queryRawUnsafe(text, ...values) }) }
   *   if ((await inbox.claim(client, [delivery])).length === 0) return
   *   await prismaTx.account.update(…)
   * })
   */
  claim<T>(client: SqlClient, deliveries: readonly Delivery<T>[]): Promise<Delivery<T>[]> {
    return claimDeliveries(client, deliveries)
  }

  async #run<T>(
    deliveries: readonly Delivery<T>[],
    signal: AbortSignal,
    handle: TransactionBatchHandler<T>,
    options: TransactionOptions | undefined,
  ): Promise<void> {
    let starts = 0
    const work = async (tx: Transaction) => {
      const fresh = await claimDeliveries(tx, deliveries)
      if (fresh.length === 0) return
      starts++
      await handle(fresh.map(withoutProduce), tx)
    }
    const transaction = () =>
      traced(this.#tracing, 'TRANSACTION', 'millrace_inbox', () =>
        runTransaction(this.#pool, work, { ...options, signal }),
      )
    for (let failures = 1; ; failures++) {
      const startsBefore = starts
      try {
        return await this.#permits.run(transaction, signal)
      } catch (error) {
        const hasStarted = starts > startsBefore
        if (signal.aborted || (hasStarted ? !isWorthAnotherTry(error, starts) : this.#pool.ending))
          throw error
        this.#tell(error, hasStarted, failures)
        if (starts === 0 && failures === MAX_WAITS)
          throw new Postpone(POSTPONE_MS, 'PostgreSQL can not be reached', { cause: error })
        await pause(pauseAfter(failures), signal)
      }
    }
  }

  #tell(error: unknown, hasStarted: boolean, failures: number): void {
    const { message } = toError(error)
    if (hasStarted) this.#log.info({ error }, `a transaction of a handler is tried again: ${message}`)
    else if (failures % 30 === 1)
      this.#log.error({ error }, `no transaction for a handler, waiting: ${message}`)
  }
}

/**
 * What is produced is written with the acknowledgement. A process that dies between the commit and that would never
 * write it: the inbox knows the entry by then, so it is not run again.
 */
const withoutProduce = <T>(delivery: Delivery<T>): Delivery<T> => viewOf(delivery, { produce: refuseProduce })

function refuseProduce(): never {
  const message =
    'a handler of the inbox can not produce: what it publishes would be lost where the process dies after the commit; add it to the outbox, in the same transaction'
  throw new MillraceError('CONFIGURATION_INVALID', message)
}

const isWorthAnotherTry = (error: unknown, starts: number): boolean =>
  starts < MAX_TRIES && (error instanceof TransactionLost || isConflict(error))

const pauseAfter = (failures: number): number =>
  backoffMs(MIN_PAUSE_MS, failures, MAX_PAUSE_MS) * (0.5 + Math.random() / 2)
