/** Where a record ends, as an index behind its newline; `fault` says why its bytes are none. */
export interface Framed {
  readonly end: number
  readonly fault?: string
}

/**
 * Finds the end of the record that the bytes begin with; undefined where it is not among them yet.
 *
 * @param isEnd no more bytes follow; there is at least one
 */
export type Frame = (bytes: Buffer, isEnd: boolean) => Framed | undefined

const [NEW_LINE, QUOTE] = [0x0a, 0x22]

/** A line; the last one of a file need not end. */
export const frameLine: Frame = (bytes, isEnd) => {
  const end = bytes.indexOf(NEW_LINE) + 1
  if (end > 0) return { end }
  return isEnd ? { end: bytes.length } : undefined
}

/**
 * A line of CSV, which goes on within quotes. A quote that never ends spoils its own line alone.
 *
 * @param delimiter one ASCII character
 */
export function frameCsv(delimiter: string): Frame {
  const delimiterByte = delimiter.charCodeAt(0)
  return (bytes, isEnd) => {
    let isFieldStart = true
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at]
      if (byte === NEW_LINE) return { end: at + 1 }
      if (byte === QUOTE && isFieldStart) {
        at = endOfQuotes(bytes, at + 1)
        if (at === bytes.length) return isEnd ? unclosed(bytes) : undefined
      }
      isFieldStart = byte === delimiterByte
    }
    return isEnd ? { end: bytes.length } : undefined
  }
}

/** Where the quote stands that ends a field; a pair of them is one within it. */
function endOfQuotes(bytes: Buffer, from: number): number {
  for (let at = from; ; at += 2) {
    at = bytes.indexOf(QUOTE, at)
    if (at < 0) return bytes.length
    if (bytes[at + 1] !== QUOTE) return at
  }
}

export function unclosed(bytes: Buffer): Framed {
  const { end } = frameLine(bytes, true)!
  return { end, fault: 'a quote opens a field and nothing closes it' }
}
