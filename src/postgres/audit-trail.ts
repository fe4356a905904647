import type { AuditFact, AuditTrail } from '../core/audit.ts'
import { MillraceError } from '../core/errors.ts'
import { noLog, type Log } from '../core/service.ts'
import type { Entry } from '../core/stream-log.ts'
import type { Tracing } from '../core/tracing.ts'
import { toAuditRow, type AuditRow } from './audit-row.ts'
import { AuditWriter } from './audit-writer.ts'
import type { Database } from './database.ts'
import { fingerprintOf } from './fingerprint.ts'
import { storable } from './storable.ts'

/** More brought nothing with the server on two cores, and would take connections away from those who read. */
const MAX_WRITES_UNDER_WAY = 2
const MAX_ROWS = 1_000
/** In UTF-16 units of payload. */
const MAX_LENGTH = 8_000_000

/** Rows that are written together, for one caller. */
interface Parcel {
  readonly rows: readonly AuditRow[]
  readonly length: number
  resolve(): void
  reject(error: unknown): void
}

/**
 * The audit trail in PostgreSQL. What is told while writes are under way travels together, whoever told it; so the
 * more is told at once, the less each fact costs.
 */
export class PostgresAuditTrail implements AuditTrail {
  readonly #database: Database
  readonly #writer: AuditWriter
  readonly #queue: Parcel[] = []
  readonly #underWay = new Set<Promise<void>>()
  #closed = false

  constructor(database: Database, log: Log = noLog, tracing?: Tracing) {
    this.#database = database
    this.#writer = new AuditWriter(database, log, tracing)
  }

  async record(facts: readonly AuditFact[]): Promise<void> {
    if (this.#closed) throw new MillraceError('CLOSED', 'the audit trail was closed')
    await Promise.all(parcels(facts.map(toAuditRow)).map((parcel) => this.#submit(parcel)))
  }

  async processedBefore(stream: string, group: string, entries: readonly Entry[]): Promise<Set<string>> {
    const rows = await this.#database.query<{ position: string }>(
      `SELECT position FROM millrace_inbox
       WHERE stream = $1 AND "group" = $2
         AND (position, fingerprint) IN (SELECT * FROM unnest($3::text[], $4::uuid[]))`,
      [
        storable(stream),
        storable(group),
        entries.map(({ position }) => position),
        entries.map(({ fields }) => fingerprintOf(fields)),
      ],
    )
    return new Set(rows.map(({ position }) => position))
  }

  /** Waits for what was told before; takes nothing more. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
  }

  #submit(parcel: Omit<Parcel, 'resolve' | 'reject'>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ ...parcel, resolve, reject })
      this.#work()
    })
  }

  #work(): void {
    while (this.#queue.length > 0 && this.#underWay.size < MAX_WRITES_UNDER_WAY) {
      const write = this.#writeTogether(takeTogether(this.#queue)).finally(() => {
        this.#underWay.delete(write)
        this.#work()
      })
      this.#underWay.add(write)
    }
  }

  async #writeTogether(parcels: readonly Parcel[]): Promise<void> {
    try {
      await this.#writer.write(parcels.flatMap(({ rows }) => rows))
      for (const { resolve } of parcels) resolve()
    } catch (error) {
      for (const { reject } of parcels) reject(error)
    }
  }
}

/** Takes parcels off the front, as many as fit into one statement, and at least one. */
function takeTogether(queue: Parcel[]): Parcel[] {
  let rows = 0
  let length = 0
  const end = queue.findIndex((parcel, index) => {
    rows += parcel.rows.length
    length += parcel.length
    return index > 0 && (rows > MAX_ROWS || length > MAX_LENGTH)
  })
  return queue.splice(0, end < 0 ? queue.length : end)
}

/** Cuts what one caller tells into parcels of which each fits into one statement. */
function parcels(rows: readonly AuditRow[]): { rows: AuditRow[]; length: number }[] {
  const all: { rows: AuditRow[]; length: number }[] = []
  for (const row of rows) {
    const last = all.at(-1)
    const { length } = row.payload
    if (last && last.rows.length < MAX_ROWS && last.length + length <= MAX_LENGTH) {
      last.rows.push(row)
      last.length += length
    } else all.push({ rows: [row], length })
  }
  return all
}
