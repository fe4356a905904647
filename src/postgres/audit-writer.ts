import type { Log } from '../core/service.ts'
import type { Tracing } from '../core/tracing.ts'
import { mergeRows, withoutPayload, type AuditRow } from './audit-row.ts'
import { TELL, tellValues } from './audit-statement.ts'
import type { Database } from './database.ts'
import { isConflict, isRefusedValue } from './database-errors.ts'
import { traced } from './traced.ts'

/** How often one statement is tried that was rolled back for the sake of another transaction. */
const MAX_TRIES = 5

/** Writes rows so that one of them that PostgreSQL refuses harms no other, and is kept without its payload. */
export class AuditWriter {
  readonly #database: Database
  readonly #log: Log
  readonly #tracing: Tracing | undefined

  constructor(database: Database, log: Log, tracing?: Tracing) {
    this.#database = database
    this.#log = log
    this.#tracing = tracing
  }

  /** Resolves when all are durable. Where it fails, some may be; writing them again does no harm. */
  async write(rows: readonly AuditRow[]): Promise<void> {
    await this.#writeSorted(inOrder(rows))
  }

  async #writeSorted(rows: readonly AuditRow[]): Promise<void> {
    try {
      await this.#tell(rows)
    } catch (error) {
      if (!isRefusedValue(error)) throw error
      await (rows.length === 1 ? this.#writeRefused(rows[0]!, error as Error) : this.#writeHalves(rows))
    }
  }

  async #writeHalves(rows: readonly AuditRow[]): Promise<void> {
    const middle = Math.ceil(rows.length / 2)
    await this.#writeSorted(rows.slice(0, middle))
    await this.#writeSorted(rows.slice(middle))
  }

  /** An entry without a row could never be acknowledged: a row that says what happened is the lesser harm. */
  async #writeRefused(row: AuditRow, error: Error): Promise<void> {
    await this.#tell([withoutPayload(row, error.message)])
    const { stream, position } = row
    this.#log.error({ stream, position, error }, 'PostgreSQL refused a payload; its row stands without it')
  }

  async #tell(rows: readonly AuditRow[]): Promise<void> {
    const values = tellValues(rows)
    for (let attempt = 1; ; attempt++) {
      try {
        await traced(this.#tracing, 'INSERT', 'millrace_audit', () => this.#database.query(TELL, values))
        return
      } catch (error) {
        if (!isConflict(error) || attempt === MAX_TRIES) throw error
      }
    }
  }
}

/** One row an entry, since a statement can't change one twice, and in one order for all, so that none deadlock. */
function inOrder(rows: readonly AuditRow[]): AuditRow[] {
  const merged = new Map<string, AuditRow>()
  for (const row of rows) {
    const other = merged.get(row.key)
    merged.set(row.key, other ? mergeRows(other, row) : row)
  }
  return [...merged.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
}
