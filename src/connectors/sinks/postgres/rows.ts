import { setImmediate as turn } from 'node:timers/promises'
import type { SinkEvent } from '../../../core/sink.ts'
import { fingerprintOf } from '../../../postgres/fingerprint.ts'
import type { TableRow } from '../../../postgres/table/table-writer.ts'
import { isOfData, readerOf, type ColumnPath, type ColumnReader } from './columns.ts'
import { mayChangeNumbers, parseExactly, toExactJson } from './exact.ts'

/** Long numbers in large data take long to read: heartbeats and the like have their turn between the events. */
const LONGEST_TURN_MS = 20

/** A row of one event. */
interface EventRow extends TableRow {
  /** The same for rows that take each other's place; null for one that takes the place of none. */
  readonly place: string | null
}

type Values = Record<string, unknown>

/** Columns by name. All are in `empty`, so one named `__proto__` is a column like any other. */
interface Columns {
  readonly empty: Values
  readonly readers: readonly (readonly [column: string, read: ColumnReader])[]
}

const columnsOf = (columns: readonly (readonly [string, ColumnPath])[]): Columns => ({
  empty: Object.fromEntries(columns.map(([column]) => [column, null])),
  readers: columns.map(([column, path]) => [column, readerOf(path)]),
})

/** Makes rows of events. */
export class RowMaker {
  readonly #key: readonly string[]
  readonly #all: Columns
  /** Those that take the data as they were published, and the others. */
  readonly #dataColumns: readonly string[]
  readonly #others: Columns
  /** Whether any of the others is one for which the data are read. */
  readonly #readsData: boolean

  constructor({ columns, key }: { columns: Readonly<Record<string, ColumnPath>>; key: readonly string[] }) {
    const all = Object.entries(columns)
    const takesData = ([column, path]: (typeof all)[number]) => path === 'data' && !key.includes(column)
    const others = all.filter((column) => !takesData(column))
    this.#key = key
    this.#all = columnsOf(all)
    this.#dataColumns = all.filter(takesData).map(([column]) => column)
    this.#others = columnsOf(others)
    this.#readsData = others.some(([, path]) => isOfData(path))
  }

  /** @throws SinkError as `parseExactly` */
  async rowsOf(events: readonly SinkEvent[]): Promise<EventRow[]> {
    const rows: EventRow[] = []
    let since = performance.now()
    for (const event of events) {
      rows.push(this.#rowOf(event))
      if (performance.now() - since < LONGEST_TURN_MS) continue
      await turn()
      since = performance.now()
    }
    return rows
  }

  #rowOf(event: SinkEvent): EventRow {
    const { stream, position, part, entry, dataJson } = event
    const identity = `${stream}:${position}:${part}:${fingerprintOf(entry.fields)}`.replaceAll('\0', '\ufffd')
    const hasJson = dataJson !== undefined
    const json = hasJson ? this.#dataColumns.map((column): [string, string] => [column, dataJson]) : []
    if (!hasJson || !this.#readsData || !mayChangeNumbers(dataJson)) {
      const values = valuesOf(event, hasJson ? this.#others : this.#all, event.event.data)
      const place = this.#placeOf(values, JSON.stringify)
      return { identity, values, json: Object.fromEntries(json), place }
    }
    const exact = valuesOf(event, this.#others, parseExactly(dataJson))
    for (const [column, value] of Object.entries(exact)) json.push([column, toExactJson(value)])
    const place = this.#placeOf(exact, toExactJson)
    return { identity, values: {}, json: Object.fromEntries(json), place }
  }

  /** NULL is no key of any other row. */
  #placeOf(values: Values, toJson: (key: readonly unknown[]) => string): string | null {
    if (this.#key.length === 0) return null
    const key = this.#key.map((column) => values[column])
    return key.includes(null) ? null : toJson(key)
  }
}

/** Into a copy of what is empty: pairs made for each event would cost more than the look for long numbers. */
function valuesOf(event: SinkEvent, { empty, readers }: Columns, data: unknown): Values {
  const values = { ...empty }
  for (const [column, read] of readers) values[column] = read(event, data)
  return values
}

/** One statement can't touch a row twice: of those of one key the last one stands. */
export function lastOfEachKey(rows: readonly EventRow[]): readonly TableRow[] {
  const last = new Map<string, EventRow>()
  for (const row of rows) if (row.place !== null) last.set(row.place, row)
  if (last.size === 0) return rows
  const stands = (row: EventRow) => row.place === null || last.get(row.place) === row
  return rows.map((row) => (stands(row) ? row : { ...row, values: null }))
}
