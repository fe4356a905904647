import { isUtf8 } from 'node:buffer'
import { toError } from '../../../core/errors.ts'
import { parseStrictJson } from '../../../core/strict-json.ts'
import { convert, parseRow, parseRows, type CsvOptions, type Row } from './csv.ts'
import { frameCsv, frameLine, type Frame } from './frames.ts'
import type { FileRecord } from './records.ts'

/** What a record says; or why it says nothing. Undefined for a blank line. */
export type Decoded = { readonly data: unknown } | { readonly fault: string } | undefined

/** How a file is written. */
export interface Format {
  readonly frame: Frame
  /** The names of the fields in its first record, or why it has none; undefined where it is a record like others. */
  readonly header?: (first: FileRecord) => Row
  decode(records: readonly FileRecord[], columns: readonly string[]): Decoded[]
}

/** As deep as a request may be. */
const JSON_DEPTH = 64
const BLANK = /^\s*$/

export const JSON_LINES: Format = {
  frame: frameLine,
  decode: (records) => records.map((record) => textual(record, parseJson)),
}

function parseJson(text: string): Decoded {
  try {
    return { data: parseStrictJson(text, JSON_DEPTH) }
  } catch (error) {
    return { fault: toError(error).message }
  }
}

export function csvFormat({
  delimiter = ',',
  columns: given,
  convert: converts = false,
}: CsvOptions): Format {
  return {
    frame: frameCsv(delimiter),
    ...(given === undefined && { header: (first: FileRecord) => headerOf(first, delimiter) }),
    decode(records, header) {
      const texts = records.map((record) => textual(record, (text) => ({ data: text })))
      const rows = parseRows(
        texts.filter(isText).map(({ data }) => data),
        delimiter,
      ).values()
      return texts.map((text) => (isText(text) ? named(rows.next().value!, given ?? header, converts) : text))
    },
  }
}

function headerOf(first: FileRecord, delimiter: string): Row {
  const text = textual(first, (text) => ({ data: text })) ?? { fault: 'it is blank' }
  if ('fault' in text) return text
  const names = parseRow(text.data as string, delimiter)
  if ('fault' in names) return names
  if (names.includes('')) return { fault: 'one of the names is empty' }
  return new Set(names).size < names.length ? { fault: 'a name stands there twice' } : names
}

const isText = (decoded: Decoded): decoded is { data: string } => decoded !== undefined && 'data' in decoded

function named(row: Row, columns: readonly string[], converts: boolean): Decoded {
  if ('fault' in row) return row
  if (row.length !== columns.length)
    return { fault: `it has ${row.length} fields, and there are ${columns.length} names` }
  const value = (text: string) => (converts ? convert(text) : text)
  return { data: Object.fromEntries(row.map((text, index) => [columns[index]!, value(text)])) }
}

const BYTE_ORDER_MARK = '\uFEFF'

/** Only what is a text says anything; a byte order mark says nothing. */
function textual({ bytes, fault, start }: FileRecord, read: (text: string) => Decoded): Decoded {
  if (fault !== undefined) return { fault }
  if (!isUtf8(bytes)) return { fault: 'it is no text in UTF-8' }
  const whole = bytes.toString()
  const text = start === 0 && whole.startsWith(BYTE_ORDER_MARK) ? whole.slice(1) : whole
  return BLANK.test(text) ? undefined : read(text)
}
