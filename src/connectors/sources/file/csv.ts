import { parse } from 'csv-parse/sync'
import { toError } from '../../../core/errors.ts'

export interface CsvOptions {
  /** What stands between two fields (`,`). */
  delimiter?: string
  /** The names of the fields, for files without a first line that has them. */
  columns?: readonly string[]
  /** Whether what looks like a number, `true` or `false` becomes one, in quotes or not (false: all are texts). */
  convert?: boolean
}

export type Row = readonly string[] | { readonly fault: string }

/** The fields of each of these lines, which are known to be lines: a bad one spoils no other. */
export function parseRows(texts: readonly string[], delimiter: string): Row[] {
  if (texts.length === 0) return []
  try {
    const rows = parseText(texts.map(withEnd).join(''), delimiter)
    if (rows.length === texts.length) return rows
  } catch {
    // One of them is at fault.
  }
  return texts.map((text) => parseRow(text, delimiter))
}

export function parseRow(text: string, delimiter: string): Row {
  try {
    const [row, ...others] = parseText(text, delimiter)
    return row && others.length === 0 ? row : { fault: 'it is no line of CSV' }
  } catch (error) {
    return { fault: `it is no CSV: ${toError(error).message}` }
  }
}

const parseText = (text: string, delimiter: string): string[][] =>
  parse(text, { delimiter, record_delimiter: ['\r\n', '\n'], relax_column_count: true })

/** Only the last line of a file lacks it. */
const withEnd = (text: string): string => (text.endsWith('\n') ? text : `${text}\n`)

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d{1,3})?$/
/** A number of more digits than that is another one when it is written down again. */
const MAX_DIGITS = 15

/** A text as what it looks like; what would not be the same number again stays a text. */
export function convert(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true'
  if (!NUMBER.test(text) || text.replaceAll(/\D/g, '').length > MAX_DIGITS) return text
  const number = Number(text)
  return Number.isFinite(number) ? number : text
}
