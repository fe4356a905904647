import type { PoolClient } from 'pg'
import { MillraceError, toError } from '../core/errors.ts'
import { OpenTransaction, type ConnectionPool, type Transaction } from './transaction.ts'

export type Isolation = 'read committed' | 'repeatable read' | 'serializable'

/** A connection that does not answer this soon is given up, and what it did is rolled back by its end. */
const ROLLBACK_TIMEOUT_MS = 5_000

/** The transaction did not come to be, or its end is unknown, for reasons that lie in the connection alone. */
export class TransactionLost extends MillraceError {
  constructor(message: string, cause: unknown) {
    super('DATABASE_UNAVAILABLE', `${message}: ${toError(cause).message}`, { cause })
  }
}

/**
 * Runs work in a transaction of its own: committed when the work ends well, rolled back when it throws or the signal is
 * aborted, which ends the connection at once, whatever the work is doing. Resolves when PostgreSQL has confirmed the
 * commit.
 *
 * @throws TransactionLost when the connection broke; after the work the commit may have happened all the same
 * @throws MillraceError `TRANSACTION_ROLLED_BACK` when PostgreSQL did not commit, since a statement had failed before
 */
export async function runTransaction<T>(
  pool: ConnectionPool,
  work: (tx: Transaction) => Promise<T>,
  { signal, isolation = 'read committed' }: { signal?: AbortSignal; isolation?: Isolation } = {},
): Promise<T> {
  signal?.throwIfAborted()
  const client = await pool.connect()
  const connection = new Borrowed(client)
  const tx = new OpenTransaction(client)
  try {
    await connection.run(`BEGIN ISOLATION LEVEL ${isolation}`)
    const result = await unlessAborted(work(tx), signal)
    tx.end()
    await connection.commit(tx)
    return result
  } catch (error) {
    tx.end(toError(error))
    throw await connection.undo(error, signal)
  } finally {
    connection.giveBack()
  }
}

/** A connection of a pool, and whether it can be used again. */
class Borrowed {
  readonly #client: PoolClient
  /** Why it can't. */
  #broken: Error | undefined
  readonly #onError = (error: Error) => {
    this.#broken ??= error
  }

  constructor(client: PoolClient) {
    this.#client = client
    // The pool listens to idle connections alone.
    client.on('error', this.#onError)
  }

  async run(text: string): Promise<string> {
    try {
      return (await this.#client.query(text)).command
    } catch (error) {
      if (isStatementError(error)) throw error
      throw this.#lost(error)
    }
  }

  /** PostgreSQL answers ROLLBACK to a COMMIT after a statement that failed; nobody may take that for a success. */
  async commit(tx: OpenTransaction): Promise<void> {
    if (this.#client.getTransactionStatus?.() === 'I') {
      const message = 'the handler ended the transaction itself: leave BEGIN, COMMIT and ROLLBACK to Millrace'
      throw new MillraceError('TRANSACTION_ENDED', message)
    }
    if ((await this.run('COMMIT')) === 'COMMIT') return
    const message =
      'nothing was committed: a statement failed and the handler went on; use a SAVEPOINT for it'
    throw new MillraceError('TRANSACTION_ROLLED_BACK', message, { cause: tx.failure })
  }

  /** Rolls back, and answers what to throw. */
  async undo(error: unknown, signal: AbortSignal | undefined): Promise<unknown> {
    if (signal?.aborted) this.#broken ??= toError(signal.reason)
    if (signal?.aborted || error instanceof TransactionLost) return error
    try {
      // Past everything that the handler did not wait for.
      await this.#client.query({ text: 'ROLLBACK', query_timeout: ROLLBACK_TIMEOUT_MS } as { text: string })
    } catch (cause) {
      return this.#lost(this.#broken ?? cause)
    }
    return this.#broken ? this.#lost(error) : error
  }

  giveBack(): void {
    this.#client.off('error', this.#onError)
    if (this.#broken) this.#client.on('error', () => {}) // its end may have more to say
    this.#client.release(this.#broken)
  }

  #lost(cause: unknown): TransactionLost {
    this.#broken ??= toError(cause)
    return new TransactionLost('the connection to PostgreSQL broke in a transaction', cause)
  }
}

/** Of PostgreSQL, about a statement; the other errors are those of connections, or say that the server goes away. */
export const isStatementError = (error: unknown): boolean => {
  const { code, severity } = error as { code?: unknown; severity?: unknown }
  return typeof code === 'string' && typeof severity === 'string' && !/^(?:08|57P)/.test(code)
}

/** Rejects with the reason of the signal as soon as it is aborted; the work may go on, and nobody hears of it. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work
  let refuse = () => {}
  const aborted = new Promise<never>((_, reject) => {
    refuse = () => reject(toError(signal.reason))
    if (signal.aborted) refuse()
    else signal.addEventListener('abort', refuse)
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', refuse)
    work.catch(() => {})
    aborted.catch(() => {})
  }
}
