import type { FileHandle } from 'node:fs/promises'
import type { Frame, Framed } from './frames.ts'

/** What stands in a file between two ends of lines, its end included. */
export interface FileRecord {
  /** In bytes from the beginning of the file. */
  readonly start: number
  readonly end: number
  /** Its first line, from 1 on. */
  readonly line: number
  /** All of it; of one that is too long its beginning. */
  readonly bytes: Buffer
  /** Why it is none. */
  readonly fault?: string
}

export interface ReadLimits {
  records: number
  bytes: number
}

const CHUNK = 262_144
/** What is shown of a record that is too long. */
const SHOWN = 1_024
const NEW_LINE = 0x0a

/** Reads a file from a place on, a record at a time. It never holds more than one record and a chunk. */
export class RecordReader {
  readonly #file: FileHandle
  readonly #frame: Frame
  readonly #maxBytes: number
  #buffer: Buffer = Buffer.alloc(0)
  /** Where the buffer begins. */
  #at: number
  #line: number
  /** A record that is too long, and whose end was not seen yet. */
  #skipped: { start: number; shown: Buffer; fault: string } | undefined

  constructor(file: FileHandle, place: { offset: number; line: number }, frame: Frame, maxBytes: number) {
    this.#file = file
    this.#frame = frame
    this.#maxBytes = maxBytes
    this.#at = place.offset
    this.#line = place.line
  }

  /** Behind the last record that was answered. */
  get place(): { offset: number; line: number } {
    return { offset: this.#skipped?.start ?? this.#at, line: this.#line }
  }

  /**
   * The next records, as many as are whole; none where the file has no more for now.
   *
   * @param isFinal what is there is all there will be, so that the last line needs no end
   */
  async read(limits: ReadLimits, isFinal: boolean): Promise<FileRecord[]> {
    const records: FileRecord[] = []
    let bytes = 0
    while (records.length < limits.records && bytes < limits.bytes) {
      const record = this.#take(false)
      if (record) {
        records.push(record)
        bytes += record.bytes.length
      } else if (!(await this.#fill())) {
        const last = isFinal ? this.#take(true) : undefined
        if (!last) break
        records.push(last)
      }
    }
    return records
  }

  async #fill(): Promise<boolean> {
    const chunk = Buffer.allocUnsafe(CHUNK)
    const { bytesRead } = await this.#file.read(chunk, 0, CHUNK, this.#at + this.#buffer.length)
    if (bytesRead === 0) return false
    const read = chunk.subarray(0, bytesRead)
    this.#buffer = this.#buffer.length === 0 ? read : Buffer.concat([this.#buffer, read])
    return true
  }

  #take(isEnd: boolean): FileRecord | undefined {
    if (this.#skipped) return this.#endSkip(isEnd)
    if (this.#buffer.length === 0) return undefined
    const framed = this.#frame(this.#buffer, isEnd)
    if (framed && framed.end <= this.#maxBytes) return this.#cut(framed)
    if (!framed && this.#buffer.length <= this.#maxBytes) return undefined
    return this.#tooLong(isEnd)
  }

  #cut({ end, fault }: Framed): FileRecord {
    const [start, line, bytes] = [this.#at, this.#line, this.#buffer.subarray(0, end)]
    this.#advance(end)
    return { start, end: this.#at, line, bytes, ...(fault !== undefined && { fault }) }
  }

  /** Where it has lines, as within quotes, its first one is given up and the next one tried: the rest may be well. */
  #tooLong(isEnd: boolean): FileRecord | undefined {
    const fault = `it is longer than ${this.#maxBytes} bytes`
    const end = this.#buffer.indexOf(NEW_LINE) + 1
    if (end > 0 && end <= this.#maxBytes)
      return this.#cut({ end, fault: `${fault}; a quote in it may lack its end` })
    this.#skipped = { start: this.#at, shown: Buffer.from(this.#buffer.subarray(0, SHOWN)), fault }
    return this.#endSkip(isEnd)
  }

  #endSkip(isEnd: boolean): FileRecord | undefined {
    const newLine = this.#buffer.indexOf(NEW_LINE)
    const { start, shown, fault } = this.#skipped!
    if (newLine < 0 && !isEnd) {
      this.#at += this.#buffer.length
      this.#buffer = Buffer.alloc(0)
      return undefined
    }
    const line = this.#line
    this.#advance(newLine < 0 ? this.#buffer.length : newLine + 1)
    if (newLine < 0) this.#line++
    this.#skipped = undefined
    return { start, end: this.#at, line, bytes: shown, fault }
  }

  #advance(bytes: number): void {
    for (
      let at = this.#buffer.indexOf(NEW_LINE);
      at >= 0 && at < bytes;
      at = this.#buffer.indexOf(NEW_LINE, at + 1)
    )
      this.#line++
    this.#buffer = this.#buffer.subarray(bytes)
    this.#at += bytes
  }
}
