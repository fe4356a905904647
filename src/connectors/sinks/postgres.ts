import { ConfigurationError, SinkError } from '../../core/connector-errors.ts'
import { collectIssues, InvalidError, type Issue } from '../../core/errors.ts'
import { requireCounts } from '../../core/require-counts.ts'
import type { Sink, SinkContext, SinkEvent } from '../../core/sink.ts'
import type { TlsSource } from '../../core/tls.ts'
import { outageMessage, tableFaultMessage, tableFaultOf } from '../../postgres/table/faults.ts'
import type { TableWriter } from '../../postgres/table/table-writer.ts'
import { isColumnPath, type ColumnPath } from './postgres/columns.ts'
import { lastOfEachKey, RowMaker } from './postgres/rows.ts'

export interface PostgresSinkOptions {
  /** `postgres://user:password@host:port/database`; it need not be the database of Millrace. */
  url: string
  /** Speak TLS, with the certificate of the server checked; for when the URL says nothing of it. */
  tls?: TlsSource
  /** `table`, or `schema.table`. It has to be there. */
  table: string
  /**
   * What stands in which column: `id`, `type`, `time`, `key`, `source`, `stream`, `position`, `data` (as JSON), a part of
   * the data such as `data.user.email`, or a header such as `headers.tenant`. What is not there becomes NULL. PostgreSQL
   * converts to the type of the column.
   */
  columns: Readonly<Record<string, ColumnPath>>
  /** Columns by which a row takes the place of an earlier one (upsert); they need a unique index. Else each is inserted. */
  key?: readonly string[]
  /** How long a repeat of a row is known, in ms (7 days): longer than any entry is pending. */
  rememberMs?: number
  /** Writes that are under way at once (1); with `key`, more than one may mix up rows whose events have no key. */
  concurrency?: number
}

const DEFAULTS = { key: [] as readonly string[], rememberMs: 604_800_000, concurrency: 1 }

/**
 * Writes events as rows of a table, each exactly once, whatever crashes: its identity (stream, position and content) is
 * written in the same transaction, to the table `millrace_sink_ledger` beside it. A row that PostgreSQL refuses becomes a
 * dead letter after its attempts, and holds up no other.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every mistake
 *
 * @example
 * postgresSink({
 *   url: 'postgres://app@warehouse/facts',
 *   table: 'telemetry',
 *   columns: { device: 'data.deviceId', celsius: 'data.temperature', measured_at: 'time', raw: 'data' },
 * })
 */
export function postgresSink(options: PostgresSinkOptions): Sink {
  const issues = issuesOf(options)
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'the sink for a table can not be used', issues)
  return new PostgresSink({ ...DEFAULTS, ...options })
}

class PostgresSink implements Sink {
  readonly concurrency: number
  readonly wantsJson = true
  readonly #options: PostgresSinkOptions & typeof DEFAULTS
  readonly #rows: RowMaker
  #writer: TableWriter | undefined

  constructor(options: PostgresSinkOptions & typeof DEFAULTS) {
    this.#options = options
    this.concurrency = options.concurrency
    this.#rows = new RowMaker(options)
  }

  async connect(context: SinkContext): Promise<void> {
    this.#writer ??= await this.#makeWriter(context)
    await this.#writer.open().catch((error: unknown) => this.#fail(error))
  }

  async #makeWriter({ name, log, signal }: SinkContext): Promise<TableWriter> {
    // 15 MB that only who writes tables needs.
    const { TableWriter: Writer } = await import('../../postgres/table/table-writer.ts')
    // Whoever closed this meanwhile would not know of it.
    signal.throwIfAborted()
    const { url, tls, table, key, rememberMs, concurrency } = this.#options
    return new Writer({
      url,
      tls,
      table,
      key,
      rememberMs,
      columns: Object.keys(this.#options.columns),
      // What one table has says nothing of another one.
      ledger: JSON.stringify([name, table]),
      maxConnections: concurrency + 1,
      onError: (error) => log.warn({ error }, `The table ${table}: ${error.message}`),
    })
  }

  async write(events: readonly SinkEvent[], signal: AbortSignal): Promise<void> {
    const rows = lastOfEachKey(await this.#rows.rowsOf(events))
    await this.#writer!.write(rows, signal).catch((error: unknown) => this.#fail(error))
  }

  async close(): Promise<void> {
    const writer = this.#writer
    this.#writer = undefined
    await writer?.close()
  }

  /** @throws what the failure of a statement means */
  #fail(error: unknown): never {
    const fault = tableFaultOf(error)
    const message = `the table ${this.#options.table}: ${tableFaultMessage(error)}`
    if (fault === 'refused') throw new SinkError('SINK_REFUSED', message, { cause: error })
    if (fault === 'misplaced') throw new ConfigurationError(message, [], { cause: error })
    throw new SinkError('SINK_UNAVAILABLE', `the table ${this.#options.table}: ${outageMessage(error)}`, {
      cause: error,
    })
  }
}

function issuesOf(options: PostgresSinkOptions): Issue[] {
  const issues: Issue[] = []
  const { table, columns, key = [] } = options
  if (!/^postgres(?:ql)?:\/\//.test(options.url ?? ''))
    issues.push({ path: 'url', message: 'must be of the form postgres://user:password@host:5432/database' })
  if (!/^[^."]+(?:\.[^."]+)?$/.test(table ?? ''))
    issues.push({ path: 'table', message: 'must be the name of a table, or schema.table' })
  const names = Object.keys(columns ?? {})
  if (names.length === 0) issues.push({ path: 'columns', message: 'must name at least one column' })
  for (const name of names)
    if (!isColumnPath(columns[name]))
      issues.push({
        path: `columns.${name}`,
        message: 'must be such as id, time, data, data.user.email or headers.tenant',
      })
  for (const name of key)
    if (!names.includes(name)) issues.push({ path: 'key', message: `${name} is none of the columns` })
  const counts = { ...DEFAULTS, ...options }
  collectIssues(issues, () => requireCounts('counts', counts, ['rememberMs', 'concurrency']))
  return issues
}
