import { Database } from '../database.ts'
import { isConflict } from '../database-errors.ts'
import { deleteOld } from '../delete-old.ts'
import type { TlsSource } from '../../core/tls.ts'
import { ensureLedger } from './ledger.ts'
import { writeStatement, type TableShape } from './statement.ts'

export interface TableWriterOptions extends TableShape {
  url: string
  tls?: TlsSource | undefined
  /** Under which name written rows are remembered. */
  ledger: string
  /** How long they are, in ms. */
  rememberMs: number
  maxConnections: number
  onError(error: Error): void
}

/** A row, and what it is known by. */
export interface TableRow {
  readonly identity: string
  /** By column. Null where a later row of the same key takes its place. */
  readonly values: Readonly<Record<string, unknown>> | null
  /** Further columns, of which the value is JSON already. */
  readonly json?: Readonly<Record<string, string>>
}

const HOUR_MS = 3_600_000
/** Two writes that got in each other's way are made again, this often. */
const MAX_CONFLICTS = 5

/** Writes rows to a table, each once: with the row its identity is written, in one transaction. */
export class TableWriter {
  readonly #options: TableWriterOptions
  readonly #database: Database
  readonly #statement: string
  #prunedAt = performance.now()
  #pruning: Promise<unknown> = Promise.resolve()
  #closed = false

  /** @throws MillraceError `CONFIGURATION_INVALID` for a URL that is none */
  constructor(options: TableWriterOptions) {
    const { url, tls, onError, maxConnections } = options
    this.#options = options
    this.#database = new Database({ url, tls, onError, maxConnections })
    this.#statement = writeStatement(options)
  }

  /**
   * Makes the ledger where there is none, and lets PostgreSQL plan a write: it knows whether table, columns, key and
   * rights are there.
   *
   * @throws MillraceError `DATABASE_UNAVAILABLE`, with what PostgreSQL said as its cause
   */
  async open(): Promise<void> {
    await ensureLedger(this.#database)
    await this.#database.query(`EXPLAIN ${this.#statement}`, [this.#options.ledger, [], '[]'])
  }

  /**
   * In one step; rows that were written before are left out, and so are those that come twice.
   *
   * @param signal where it is aborted nobody waits any more for PostgreSQL, which may write them all the same
   * @throws MillraceError as `open`; the reason of `signal`
   */
  async write(given: readonly TableRow[], signal: AbortSignal): Promise<void> {
    const rows = [...new Map(given.map((row) => [row.identity, row])).values()]
    const identities = rows.map(({ identity }) => identity)
    const values = `[${rows.map(toJson).join(',')}]`
    for (let conflicts = 0; ; conflicts++) {
      try {
        await this.#database.runUntil(signal, this.#statement, [this.#options.ledger, identities, values])
        break
      } catch (error) {
        if (!isConflict(error) || conflicts === MAX_CONFLICTS) throw error
      }
    }
    this.#prune()
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#pruning
    await this.#database.close()
  }

  /** Each hour, beside the writes; what fails is done an hour later. */
  #prune(): void {
    if (performance.now() - this.#prunedAt < HOUR_MS) return
    this.#prunedAt = performance.now()
    const { ledger, rememberMs, onError } = this.#options
    // Not shared, for which its user would need the right to update the ledger.
    const old = {
      table: 'millrace_sink_ledger',
      time: 'written_at',
      olderThan: new Date(Date.now() - rememberMs),
      only: { column: 'pipeline', value: ledger },
    }
    this.#pruning = deleteOld(this.#database, old, () => this.#closed).catch(onError)
  }
}

function toJson({ values, json = {} }: TableRow): string {
  const text = JSON.stringify(values)
  const more = Object.entries(json).map(([column, value]) => `${JSON.stringify(column)}:${value}`)
  if (values === null || more.length === 0) return text
  return `{${[text.slice(1, -1), ...more].filter((part) => part !== '').join(',')}}`
}
