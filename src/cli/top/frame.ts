import { formatCount, formatRate, plural } from '../output/format.ts'
import type { Paint } from '../output/style.ts'
import { renderTable, type Column } from '../output/table.ts'
import { cut, harmless } from '../output/text.ts'
import { sorted, type Sort, type TopRow } from './rows.ts'

/** What a frame shows. */
export interface TopState {
  readonly rows: readonly TopRow[]
  readonly sort: Sort
  /** The time of the look, for the head. */
  readonly time: Date
  /** Why there is nothing newer, while Redis is away. */
  readonly trouble?: string
}

export interface Size {
  readonly columns: number
  readonly rows: number
}

/** Titles, one empty line, and the keys. */
const AROUND = 4

/** The lines of a whole screen, no more and no wider than it is. */
export function frameOf(state: TopState, size: Size, paint: Paint): string[] {
  const room = Math.max(0, size.rows - AROUND)
  const lines = tableOf(state, size.columns, paint, room)
  const hidden = state.rows.length - room
  const more = hidden > 0 ? `${plural(hidden, 'more group')}  ` : ''
  const keys = cut(`${more}sort: l lag  p pending  i in  o out  n name   q quit`, size.columns)
  return [headOf(state, size.columns, paint), '', ...lines, paint('dim', keys)].slice(0, size.rows)
}

export function headOf({ rows, time, trouble }: TopState, width: number, paint: Paint): string {
  if (trouble !== undefined) return paint('red', cut(harmless(trouble), width))
  const pending = rows.reduce((sum, row) => sum + row.pending, 0)
  const lag = rows.reduce((sum, row) => sum + (row.lag === 'unknown' ? 0 : row.lag), 0)
  const parts = [
    `millrace top  ${time.toISOString().slice(11, 19)} UTC`,
    plural(rows.length, 'group'),
    `lag ${formatCount(lag)}`,
    `pending ${formatCount(pending)}`,
  ]
  return paint('bold', cut(parts.join('  '), width))
}

/** The titles and the first rows, in the order that was asked for. */
export const tableOf = ({ rows, sort }: TopState, width: number, paint: Paint, most = Infinity): string[] =>
  renderTable(sorted(rows, sort).slice(0, most), COLUMNS, width, paint)

const COLUMNS: readonly Column<TopRow>[] = [
  { title: 'STREAM', text: ({ stream }) => stream, shrinks: true },
  { title: 'GROUP', text: ({ group }) => group, shrinks: true },
  {
    title: 'LAG',
    text: ({ lag }) => formatCount(lag),
    align: 'right',
    style: ({ lag, consumers }) =>
      lag !== 0 && consumers === 0 ? 'red' : lag === 'unknown' ? 'yellow' : undefined,
  },
  { title: 'IN', text: ({ inPerSecond }) => formatRate(inPerSecond), align: 'right' },
  {
    title: 'OUT',
    text: ({ outPerSecond }) => formatRate(outPerSecond),
    align: 'right',
    style: ({ inPerSecond = 0, outPerSecond = 0 }) => (outPerSecond < inPerSecond ? 'yellow' : undefined),
  },
  { title: 'PENDING', text: ({ pending }) => formatCount(pending), align: 'right' },
  { title: 'CONSUMERS', text: ({ consumers }) => formatCount(consumers), align: 'right' },
]
