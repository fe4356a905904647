import { constants } from 'node:fs'
import { open, stat, type FileHandle } from 'node:fs/promises'
import { ConfigurationError } from '../../../core/connector-errors.ts'
import type { Place } from './cursor.ts'
import type { Decoded, Format } from './formats.ts'
import { fileOf, type Sighting } from './listing.ts'
import { goesOn, RunningPrint } from './prints.ts'
import { RecordReader, type FileRecord, type ReadLimits } from './records.ts'

export interface FileReading {
  readonly format: Format
  /** Of a line. */
  readonly maxBytes: number
}

export interface DecodedRecord {
  readonly record: FileRecord
  readonly decoded: Decoded
}

/** Not waiting for a writer where somebody has put a pipe in the place of a file. */
export const openToRead = (path: string): Promise<FileHandle> =>
  open(path, constants.O_RDONLY | constants.O_NONBLOCK)

/** After so long without a change a file that is not at its place any more counts as finished. */
const FINISHED_MS = 1_000
/** A file that rests for so long is closed, and opened again when it has grown. */
const RESTING_MS = 60_000

/** One file, wherever it is moved to, from the place where it was left. */
export class FollowedFile {
  readonly #reading: FileReading
  #place: Place
  #path = ''
  #isWanted = false
  #isNameless = false
  #handle: FileHandle | undefined
  #reader: RecordReader | undefined
  #print: RunningPrint | undefined
  #columns: readonly string[] = []
  #size = 0
  /** At which size, and written to when, it was found to hold what was read of it. */
  #checked: { readonly size: number; readonly modifiedMs: number } | undefined
  #modifiedMs = 0
  #changedAt = performance.now()

  constructor(place: Place, reading: FileReading) {
    this.#place = place
    this.#reading = reading
  }

  get place(): Place {
    return this.#place
  }

  get path(): string {
    return this.#path
  }

  get isWanted(): boolean {
    return this.#isWanted
  }

  /** It was removed, and is there only for as long as it is open. */
  get isNameless(): boolean {
    return this.#isNameless
  }

  /** As far as it was ever seen. */
  get isReadToEnd(): boolean {
    return this.#checked?.size === this.#place.offset
  }

  /** When it was last written to, as far as is known. */
  get modifiedMs(): number {
    return this.#modifiedMs
  }

  /** Nobody writes to it any more, as far as one can tell: its last line needs no end. */
  get isFinished(): boolean {
    return !this.#isWanted && performance.now() - this.#changedAt > FINISHED_MS
  }

  /** Where it stands now; that may be a copy of it, which is read on from the same place. */
  async seenAt({ path, kind, file, size, modifiedMs }: Sighting): Promise<void> {
    if (file !== this.#place.file) {
      await this.close()
      this.#place = { ...this.#place, file }
      this.#checked = undefined
    }
    this.#path = path
    this.#isWanted = kind === 'wanted'
    this.#isNameless = false
    this.#noteSize(size, modifiedMs)
  }

  /** It has no name any more. @returns whether what is left of it can be read, since it is open */
  async isLeftOpen(): Promise<boolean> {
    this.#isWanted = false
    this.#isNameless = true
    return this.#handle !== undefined && (await this.isIntact())
  }

  /** Whether it holds what was read of it; not where it was cut, or written anew. */
  async isIntact(): Promise<boolean> {
    if (this.#isAsChecked) return true
    const seen = { size: this.#size, modifiedMs: this.#modifiedMs }
    if (!(await goesOn(await this.#open(), this.#place))) return false
    this.#checked = seen
    return true
  }

  /** Whether something was added that was not read; or written in the place of what was, if only as much as that. */
  async hasMore(): Promise<boolean> {
    // One that rests, or was empty so far, is not open.
    const whole = { bigint: true } as const
    const found = await (this.#handle?.stat(whole) ?? stat(this.#path, whole).catch(() => undefined))
    // Another file has its name by now, whose size and time are none of ours: opening it will tell.
    if (found && fileOf(found) !== this.#place.file) return true
    if (found) this.#noteSize(Number(found.size), Number(found.mtimeMs))
    return this.#size !== this.#place.offset || !this.#isAsChecked
  }

  /** The next lines; none where there are none for now. */
  async read(limits: ReadLimits, isFinal: boolean): Promise<DecodedRecord[]> {
    const handle = await this.#open()
    // Before anything is read: it is what was looked at last.
    this.#print ??= await RunningPrint.at(handle, this.#place.offset)
    if (!this.#reader && !(await this.#begin(handle, isFinal))) return []
    const reader = this.#reader!
    const records = await reader.read(limits, isFinal)
    if (records.length === 0) return []
    await this.#moveTo(handle, reader, records)
    const decoded = this.#reading.format.decode(records, this.#columns)
    return records.map((record, index) => ({ record, decoded: decoded[index] }))
  }

  /** Lets go of a file that nobody writes to. */
  async rest(): Promise<void> {
    if (performance.now() - this.#changedAt > RESTING_MS) await this.close()
  }

  async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = this.#reader = this.#print = undefined
    await handle?.close()
  }

  get #isAsChecked(): boolean {
    return this.#checked?.size === this.#size && this.#checked.modifiedMs === this.#modifiedMs
  }

  #noteSize(size: number, modifiedMs: number): void {
    if (size !== this.#size) this.#changedAt = performance.now()
    this.#size = size
    this.#modifiedMs = Math.max(this.#modifiedMs, modifiedMs)
  }

  /** @throws `ENOENT` where another file has its name by now */
  async #open(): Promise<FileHandle> {
    if (this.#handle) return this.#handle
    const handle = await openToRead(this.#path)
    const isOurs = fileOf(await handle.stat({ bigint: true })) === this.#place.file
    if (isOurs) return (this.#handle = handle)
    await handle.close()
    throw Object.assign(new Error(`${this.#path} is another file now`), { code: 'ENOENT' })
  }

  async #moveTo(handle: FileHandle, { place }: RecordReader, records: readonly FileRecord[]): Promise<void> {
    const running = this.#print!
    for (const record of records) running.add(record)
    // Of a record that is too long only its beginning is here.
    const isWhole = running.print.offset === place.offset
    this.#print = isWhole ? running : await RunningPrint.at(handle, place.offset)
    this.#place = { ...this.#place, ...this.#print.print, line: place.line }
  }

  /**
   * Behind the names of the fields, where the format has them in each file.
   *
   * @returns false where they are not written yet
   * @throws ConfigurationError where there are none, since no line of the file can be understood then
   */
  async #begin(handle: FileHandle, isFinal: boolean): Promise<boolean> {
    const { format, maxBytes } = this.#reading
    if (format.header) {
      const reader = new RecordReader(handle, { offset: 0, line: 1 }, format.frame, maxBytes)
      const [first] = await reader.read({ records: 1, bytes: 1 }, isFinal)
      if (!first) return false
      const names = format.header(first)
      if ('fault' in names)
        throw new ConfigurationError(
          `the first line of ${this.#path} does not name the fields: ${names.fault}; name them by csv.columns if none does`,
        )
      this.#columns = names
      if (this.#place.offset === 0) await this.#moveTo(handle, reader, [first])
    }
    this.#reader = new RecordReader(handle, this.#place, format.frame, maxBytes)
    return true
  }
}
