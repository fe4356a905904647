import type { Argument } from '../connection.ts'

const MAX_ENTRIES = 250
const MAX_BYTES = 256 * 1024
/** Lua can't unpack more arguments than this with certainty. */
const MAX_PARTS = 7_000
const SHORT = 512

/** Whether an entry can be added by a script at all. */
export const isWide = (parts: readonly Buffer[]): boolean => parts.length > MAX_PARTS

/** Entries that one script adds. */
export class EntryBatch {
  readonly args: Argument[] = []
  /** The entry before the first one. */
  readonly after: string
  last: string
  #entries = 0
  #bytes = 0

  constructor(after: string) {
    this.after = after
    this.last = after
  }

  get isEmpty(): boolean {
    return this.#entries === 0
  }

  get isFull(): boolean {
    return this.#entries >= MAX_ENTRIES || this.#bytes >= MAX_BYTES
  }

  /** @param parts position, then names and values */
  add(parts: readonly Buffer[]): void {
    const [position, ...fields] = parts as [Buffer, ...Buffer[]]
    this.last = position.toString('latin1')
    this.args.push(this.last, String(fields.length))
    for (const field of fields) {
      this.args.push(asArgument(field))
      this.#bytes += field.length
    }
    this.#entries++
  }
}

/** The client joins texts into one write, and writes each Buffer by itself, so short texts had better be some. */
function asArgument(bytes: Buffer): Argument {
  if (bytes.length > SHORT) return bytes
  for (const byte of bytes) if (byte > 0x7f) return bytes
  return bytes.toString('latin1')
}
