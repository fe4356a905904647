import { print, type Io } from '../io.ts'
import { painter, plain, type Paint, type Style } from './style.ts'
import { cut, harmless, padEnd, padStart, widthOf } from './text.ts'

export interface Column<Row> {
  readonly title: string
  readonly text: (row: Row) => string
  /** Numbers stand to the right, one under the other. */
  readonly align?: 'right'
  /** Gives way, with an ellipsis, where the table is wider than the terminal: names and prose, never numbers. */
  readonly shrinks?: boolean
  readonly style?: (row: Row) => Style | undefined
}

/** What a column that gives way keeps. */
const NARROWEST = 8
const GAP = '  '

/** The lines of a table, with its titles first; `width` is that of the terminal. */
export function renderTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  width = Infinity,
  paint: Paint = plain,
): string[] {
  const cells = rows.map((row) => columns.map(({ text }) => harmless(text(row))))
  const widths = fitted(columns, cells, width)
  const line = (texts: readonly string[], styles: (at: number) => Style | undefined) =>
    clipped(texts, columns, widths, width, (at, text) => paint(styles(at), text))
  const titles = columns.map(({ title }) => title)
  return [
    line(titles, () => 'bold'),
    ...cells.map((texts, index) => line(texts, (at) => columns[at]!.style?.(rows[index]!))),
  ]
}

/** Prints a table as wide as the terminal, or as it wants to be where there is none. */
export async function printTable<Row>(
  io: Io,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
): Promise<void> {
  for (const line of renderTable(rows, columns, terminalWidth(io), painter(io))) await print(io, line)
}

export const terminalWidth = ({ stdout }: Io): number =>
  stdout.isTTY ? (stdout.columns ?? Infinity) : Infinity

/** The widths of the columns: the widest that gives way loses a place at a time until all fit, or none gives way any more. */
function fitted<Row>(
  columns: readonly Column<Row>[],
  cells: readonly (readonly string[])[],
  width: number,
): number[] {
  const widths = columns.map(({ title }, at) =>
    cells.reduce((widest, texts) => Math.max(widest, widthOf(texts[at]!)), widthOf(title)),
  )
  let excess = widths.reduce((sum, one) => sum + one, (columns.length - 1) * GAP.length) - width
  for (; excess > 0; excess--) {
    const [widest] = columns
      .map((column, at) => ({ at, width: column.shrinks ? widths[at]! : 0 }))
      .toSorted((a, b) => b.width - a.width)
    if (!widest || widest.width <= NARROWEST) break
    widths[widest.at]!--
  }
  return widths
}

/** One line; what a terminal has no room for at all is cut off behind the last column that fits. */
function clipped<Row>(
  texts: readonly string[],
  columns: readonly Column<Row>[],
  widths: readonly number[],
  width: number,
  paint: (at: number, text: string) => string,
): string {
  let line = ''
  let room = width
  for (const [at, text] of texts.entries()) {
    const gap = at === 0 ? '' : GAP
    const space = Math.min(widths[at]!, room - gap.length)
    if (space <= 0) break
    const pad = columns[at]!.align === 'right' ? padStart : padEnd
    line += gap + paint(at, pad(cut(text, space), space))
    room -= gap.length + space
  }
  return line.trimEnd()
}
