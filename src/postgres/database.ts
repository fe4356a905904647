import { Pool, type Client, type PoolClient } from 'pg'
import { MillraceError, toError } from '../core/errors.ts'
import type { TlsSource } from '../core/tls.ts'
import { checkTls, connectionsTo, type ConnectionMaker } from './database-connections.ts'
import { toDatabaseError } from './database-errors.ts'
import { keepListening, type ConnectionPool, type QueryResult } from './transaction.ts'

export interface DatabaseOptions {
  /** `postgres://user:password@host:port/database`. */
  url: string
  /**
   * Speak TLS, and check the certificate of the server and the host that it is made out for. What a function gives is
   * asked for again with each connection; it must not throw once it has answered. Without it, `sslmode` and its like in
   * the URL say what happens.
   */
  tls?: TlsSource | undefined
  /** Told when a connection breaks that nobody uses. It is replaced when one is needed. */
  onError?: (error: MillraceError) => void
  /** Connections at most (10); opened when they are needed. */
  maxConnections?: number
}

const MAX_CONNECTIONS = 10
const STATEMENT_TIMEOUT_MS = 30_000
/** Long enough for a large index, or for another instance that is building one. */
const LONG_STATEMENT_TIMEOUT_MS = 600_000

/** Runs one statement, or several without values in one transaction. Raises `DATABASE_UNAVAILABLE`. */
export type Query = <Row extends object>(text: string, values?: unknown[]) => Promise<Row[]>

/**
 * A pool of connections to one PostgreSQL database. It connects when it is asked something, and again after an outage;
 * nothing is tried twice by itself. Every wait has an end.
 */
export class Database implements ConnectionPool {
  readonly #connect: ConnectionMaker
  readonly #place: string
  readonly #pool: Pool
  #closing: Promise<void> | undefined

  /** @throws MillraceError `CONFIGURATION_INVALID` when the URL is none, or says something else about TLS */
  constructor({ url, tls, onError, maxConnections = MAX_CONNECTIONS }: DatabaseOptions) {
    this.#place = placeOf(url)
    if (tls) checkTls(url, tls)
    this.#connect = connectionsTo(url, tls)
    this.#pool = new Pool({ ...this.#connect.pooled(STATEMENT_TIMEOUT_MS), max: maxConnections })
    // Without a listener a connection that breaks while idle would end the process.
    this.#pool.on('error', (cause) => onError?.(this.#explain(cause)))
    keepListening(this.#pool)
  }

  /** Statements run beside each other, each on a connection of its own. */
  readonly query: Query = async <Row extends object>(text: string, values?: unknown[]) =>
    (await this.run<Row>(text, values)).rows

  /** The same, with how many rows it touched. */
  async run<Row extends object>(text: string, values?: unknown[]): Promise<QueryResult<Row>> {
    if (this.#closing) throw new MillraceError('CLOSED', 'the database was closed')
    try {
      // Not by a client checked out: the pool discards a connection whose statement failed, also a half-open one.
      return await this.#pool.query<Row>(text, values)
    } catch (cause) {
      throw this.#explain(cause)
    }
  }

  /**
   * The same, and not past `signal`: its connection is ended when that is aborted, so that nobody waits for an answer. What
   * became of the statement is not known then.
   */
  async runUntil<Row extends object>(
    signal: AbortSignal,
    text: string,
    values?: unknown[],
  ): Promise<QueryResult<Row>> {
    signal.throwIfAborted()
    const client = await this.connect()
    let isHeld = true
    const letGo = (error?: Error) => {
      if (isHeld) client.release(error)
      isHeld = false
    }
    const giveUp = () => letGo(toError(signal.reason))
    signal.addEventListener('abort', giveUp)
    let failure: Error | undefined
    try {
      signal.throwIfAborted()
      return await client.query<Row>(text, values)
    } catch (cause) {
      signal.throwIfAborted()
      failure = toError(cause)
      throw this.#explain(failure)
    } finally {
      signal.removeEventListener('abort', giveUp)
      letGo(failure)
    }
  }

  /** Whether the database answers; costs one round trip. */
  async ping(): Promise<void> {
    await this.query('SELECT 1')
  }

  get ending(): boolean {
    return this.#closing !== undefined
  }

  /** A connection of the pool, for several statements; whoever takes it releases it. */
  async connect(): Promise<PoolClient> {
    if (this.#closing) throw new MillraceError('CLOSED', 'the database was closed')
    try {
      return await this.#pool.connect()
    } catch (cause) {
      throw this.#explain(cause)
    }
  }

  /** A connection besides the pool, for as long as it holds; whoever opens it ends it. */
  async openConnection(): Promise<Client> {
    const client = this.#connect.client(STATEMENT_TIMEOUT_MS)
    client.on('error', () => {}) // nobody can listen earlier
    try {
      await client.connect()
      return client
    } catch (cause) {
      throw this.#explain(cause)
    }
  }

  /** Work on one connection of its own, where a statement may take minutes. A transaction left open is rolled back. */
  async session<T>(work: (query: Query) => Promise<T>): Promise<T> {
    let client: Client | undefined
    try {
      client = this.#connect.client(LONG_STATEMENT_TIMEOUT_MS)
      client.on('error', () => {}) // the statement that fails by it says so
      await client.connect()
      return await work(this.#queryOn(client))
    } catch (cause) {
      throw cause instanceof MillraceError ? cause : this.#explain(cause)
    } finally {
      await client?.end().catch(() => {})
    }
  }

  /** Waits for the statements under way, then disconnects. Idempotent. */
  async close(): Promise<void> {
    this.#closing ??= this.#pool.end()
    await this.#closing
  }

  #queryOn(client: Client): Query {
    return async <Row extends object>(text: string, values?: unknown[]) => {
      const { rows } = await client.query<Row>(text, values)
      return rows
    }
  }

  #explain(cause: unknown): MillraceError {
    return toDatabaseError(this.#place, cause)
  }
}

/** The version of the server, such as `18.4`, for whoever wants to know no more than that it is there. */
export async function databaseVersion(options: Pick<DatabaseOptions, 'url' | 'tls'>): Promise<string> {
  const database = new Database(options)
  return database.session(async (query) => {
    const [row] = await query<{ server_version: string }>('SHOW server_version')
    return row!.server_version
  })
}

/** Such as `db.example:5432/orders`: what may be shown of a URL. */
function placeOf(url: string): string {
  try {
    const { protocol, host, pathname } = new URL(url)
    if (/^postgres(?:ql)?:$/.test(protocol)) return `${decodeURIComponent(host)}${pathname}`
  } catch {
    // Passed over: the error of URL carries its input, and with it the password.
  }
  const example = 'postgres://user:password@host:5432/database'
  throw new MillraceError('CONFIGURATION_INVALID', `DATABASE_URL is not of the form ${example}`)
}
