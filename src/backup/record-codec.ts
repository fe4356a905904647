import { RECORD, type BackupRecord, type RecordKind } from '../core/backup.ts'

const KINDS: ReadonlySet<number> = new Set(Object.values(RECORD))
/** The longest number: 32 bits in steps of seven. */
const MAX_NUMBER_BYTES = 5
const SMALL = 48

/** Puts records one behind the other into a memory that grows with the largest frame, and is used again. */
export class RecordBuffer {
  #bytes: Buffer
  #length = 0

  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafe(size)
  }

  get length(): number {
    return this.#length
  }

  add({ kind, parts }: BackupRecord): void {
    let room = 1 + MAX_NUMBER_BYTES
    for (const part of parts) room += MAX_NUMBER_BYTES + part.length
    this.#reserve(room)
    this.#bytes[this.#length++] = kind
    this.#number(parts.length)
    for (const part of parts) {
      this.#number(part.length)
      this.#copy(part)
    }
  }

  /** What was added since; the memory is free again. */
  take(): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#length))
    this.#length = 0
    return taken
  }

  /** A call into the runtime costs more than to copy the few bytes of most parts. */
  #copy(part: Buffer): void {
    if (part.length > SMALL) {
      this.#bytes.set(part, this.#length)
      this.#length += part.length
    } else {
      for (let index = 0; index < part.length; index++) this.#bytes[this.#length++] = part[index]!
    }
  }

  #number(value: number): void {
    let rest = value
    for (; rest > 0x7f; rest >>>= 7) this.#bytes[this.#length++] = (rest & 0x7f) | 0x80
    this.#bytes[this.#length++] = rest
  }

  #reserve(room: number): void {
    const needed = this.#length + room
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}

/**
 * The records of a frame; their parts share its memory.
 *
 * @throws Error where the bytes are no records
 */
export function* decodeRecords(bytes: Buffer): Generator<BackupRecord> {
  const at = { offset: 0 }
  while (at.offset < bytes.length) {
    const kind = bytes[at.offset++]!
    if (!KINDS.has(kind)) throw new Error(`there is a record of the unknown kind ${kind}`)
    const count = readNumber(bytes, at)
    // Every part takes a byte at least, so this bounds what a wrong count could make of memory.
    if (count > bytes.length - at.offset) throw new Error('a record has more parts than there are bytes')
    const parts: Buffer[] = []
    for (let index = 0; index < count; index++) {
      const end = readNumber(bytes, at) + at.offset
      if (end > bytes.length) throw new Error('a part ends behind its frame')
      parts.push(bytes.subarray(at.offset, end))
      at.offset = end
    }
    yield { kind: kind as RecordKind, parts }
  }
}

function readNumber(bytes: Buffer, at: { offset: number }): number {
  let value = 0
  for (let shift = 0; shift < 7 * MAX_NUMBER_BYTES; shift += 7) {
    const byte = bytes[at.offset++]
    if (byte === undefined) break
    value += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) return value
  }
  throw new Error('a number has no end')
}
