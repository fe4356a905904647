import type { PoolClient } from 'pg'
import { MillraceError } from '../core/errors.ts'

/**
 * Whatever runs SQL on one connection: a client of `pg`, the transaction that Millrace hands to a handler, or a line
 * around the transaction of another library, such as
 * `{ query: async (text, values = []) => ({ rows: await prisma.$queryRawUnsafe(text, ...values) }) }`.
 */
export interface SqlClient {
  query(text: string, values?: unknown[]): PromiseLike<{ readonly rows: unknown[] }>
}

/** Where connections come from: a `Pool` of `pg` fits. */
export interface ConnectionPool {
  connect(): Promise<PoolClient>
  /** It is closed, or about to be. */
  readonly ending?: boolean
  on?(event: 'connect', listener: (client: PoolClient) => void): unknown
}

/**
 * Has somebody listen to every connection of a pool from its first moment. The pool listens to idle ones alone, and one
 * that breaks just when it is handed out would end the process before whoever awaits it can listen.
 */
export function keepListening(pool: ConnectionPool): void {
  pool.on?.('connect', (client) => client.on('error', () => {}))
}

export interface QueryResult<Row> {
  rows: Row[]
  /** How many rows the statement touched. */
  rowCount: number | null
}

/** An open transaction, lent to a handler: over when the handler ends, and refused from then on. */
export interface Transaction extends SqlClient {
  /**
   * Runs one statement. Errors are those of `pg`, with the SQLSTATE in `code`. After one the transaction takes nothing
   * more, as always in PostgreSQL: a statement that may fail belongs behind a SAVEPOINT.
   */
  query<Row extends object = Record<string, unknown>>(
    text: string,
    values?: unknown[],
  ): Promise<QueryResult<Row>>
  /**
   * The connection itself, for Kysely, Drizzle and whatever else builds on a client of `pg`. BEGIN and COMMIT are
   * Millrace's business; `release` and `end` do nothing.
   */
  readonly client: PoolClient
}

/** A transaction with its end. */
export class OpenTransaction implements Transaction {
  readonly client: PoolClient
  readonly #client: PoolClient
  #ended: Error | undefined
  #failure: unknown

  constructor(client: PoolClient) {
    this.#client = client
    this.client = this.#guarded(client)
  }

  /** Why the last statement failed that did. */
  get failure(): unknown {
    return this.#failure
  }

  async query<Row extends object>(text: string, values?: unknown[]): Promise<QueryResult<Row>> {
    this.#refuseWhenEnded()
    return this.#watched(this.#client.query<Row>(text, values))
  }

  /** From now on every use is refused: the connection goes back to the pool, and so to somebody else. */
  end(reason?: Error): void {
    const message = 'the transaction is over; await everything that the handler does with it'
    this.#ended ??= new MillraceError('TRANSACTION_ENDED', message, { cause: reason })
  }

  #refuseWhenEnded(): void {
    if (this.#ended) throw this.#ended
  }

  async #watched<T>(result: Promise<T>): Promise<T> {
    try {
      return await result
    } catch (error) {
      this.#failure = error
      throw error
    }
  }

  #guarded(client: PoolClient): PoolClient {
    return new Proxy(client, {
      get: (target, name) => {
        if (name === 'release' || name === 'end') return async () => {}
        const value: unknown = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          this.#refuseWhenEnded()
          const result: unknown = value.apply(target, args)
          return name === 'query' && result instanceof Promise ? this.#watched(result) : result
        }
      },
    })
  }
}
