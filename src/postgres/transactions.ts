import { MillraceError } from '../core/errors.ts'
import type { Database } from './database.ts'
import type { Permits } from './permits.ts'
import { isStatementError, runTransaction, type Isolation } from './run-transaction.ts'
import type { QueryResult, Transaction } from './transaction.ts'

export interface TransactionsOptions {
  /** Rolls back, whatever the work is doing. */
  signal?: AbortSignal
  isolation?: Isolation
}

/** How long a transaction may wait until it can begin, in ms: one that waits for itself must come to an end. */
const PATIENCE_MS = 10_000

/** Transactions of whoever asks, no more at once than leave some connections to others. */
export class Transactions {
  readonly #database: Database
  readonly #permits: Permits

  constructor(database: Database, permits: Permits) {
    this.#database = database
    this.#permits = permits
  }

  /** @throws as {@link runTransaction}; MillraceError `DATABASE_UNAVAILABLE` when it could not begin for 10 s */
  async run<T>(work: (tx: Transaction) => Promise<T>, options: TransactionsOptions = {}): Promise<T> {
    const waiting = new AbortController()
    const patience = setTimeout(() => waiting.abort(tooMany()), PATIENCE_MS)
    const { signal } = options
    const begin = () => {
      clearTimeout(patience)
      return runTransaction(this.#database, work, options)
    }
    const until = signal ? AbortSignal.any([waiting.signal, signal]) : waiting.signal
    try {
      return await this.#permits.run(begin, until)
    } finally {
      clearTimeout(patience)
    }
  }
}

const tooMany = (): MillraceError =>
  new MillraceError(
    'DATABASE_UNAVAILABLE',
    'other transactions run, and none of them ended for 10 s; keep them short, and open none within another',
  )

/** One statement. What PostgreSQL says of it comes as it is; that it is away is `DATABASE_UNAVAILABLE`. */
export async function runQuery<Row extends object>(
  database: Database,
  text: string,
  values?: unknown[],
): Promise<QueryResult<Row>> {
  try {
    return await database.run<Row>(text, values)
  } catch (error) {
    const { cause } = error as Error
    throw isStatementError(cause ?? {}) ? cause : error
  }
}
