import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { SinkError } from '../../../core/connector-errors.ts'
import { syncFolder, unlessMissing, type Disk, type DiskFile } from './disk.ts'
import { closedName, openName, type Span } from './names.ts'
import { listSegments, takeOver } from './takeover.ts'

/**
 * A segment that this process writes to. What is in it counts when it was synced, and the file still had its name after
 * that: whoever closes it, be it another instance, gives it another one first.
 */
export class Segment {
  readonly openedAt = Date.now()
  readonly #disk: Disk
  readonly #folder: string
  readonly #token: string
  readonly #isGzip: boolean
  readonly #file: DiskFile
  readonly #inode: number
  readonly #span: Span = { first: Infinity, last: 0 }
  /** Bytes that count. */
  #committed = 0
  #isRetired = false
  #appending: Promise<unknown> = Promise.resolve()
  #released: Promise<void> = Promise.resolve()

  private constructor(
    disk: Disk,
    folder: string,
    token: string,
    isGzip: boolean,
    file: DiskFile,
    inode: number,
  ) {
    this.#disk = disk
    this.#folder = folder
    this.#token = token
    this.#isGzip = isGzip
    this.#file = file
    this.#inode = inode
  }

  static async create(disk: Disk, folder: string, isGzip: boolean): Promise<Segment> {
    const token = randomBytes(6).toString('hex')
    const file = await disk.open(join(folder, openName(token, isGzip)), 'ax')
    try {
      await syncFolder(disk, folder)
      const { ino } = await file.stat()
      return new Segment(disk, folder, token, isGzip, file, ino)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  get token(): string {
    return this.#token
  }

  get bytes(): number {
    return this.#committed
  }

  /** Resolves when it is there for good. After a failure nothing more is written; `retire` it. */
  append(bytes: Buffer, span: Span): Promise<void> {
    const appended = this.#append(bytes, span)
    this.#appending = appended.catch(() => {})
    return appended
  }

  /** Resolves when nothing of it is under way any more, after `retire`; a disk that hangs holds it up. */
  get released(): Promise<void> {
    return this.#released
  }

  /** Keeps others from taking it for one that was left behind. */
  async touch(): Promise<void> {
    const now = new Date()
    await this.#file.utimes(now, now).catch(() => {})
  }

  /**
   * Closes it at what counts. An append that hangs may come to its end later: it does not count, and what it wrote is cut
   * off. Rejects where the disk does not take the change of its name; it can be tried again.
   */
  async retire(): Promise<void> {
    this.#isRetired = true
    const path = this.#path
    if (this.#committed === 0) await unlessMissing(this.#disk.unlink(path))
    else {
      const closed = closedName(this.#token, this.#isGzip, this.#span, this.#committed)
      await unlessMissing(this.#disk.rename(path, join(this.#folder, closed)))
    }
    await syncFolder(this.#disk, this.#folder)
    this.#released = this.#appending.then(() => this.#letGo()).catch(() => {})
  }

  get #path(): string {
    return join(this.#folder, openName(this.#token, this.#isGzip))
  }

  async #append(bytes: Buffer, { first, last }: Span): Promise<void> {
    await this.#file.writeFile(bytes)
    await this.#file.datasync()
    const found = await unlessMissing(this.#disk.lstat(this.#path))
    if (this.#isRetired || found?.ino !== this.#inode) throw takenOver(this.#path)
    this.#committed += bytes.length
    this.#span.first = Math.min(this.#span.first, first)
    this.#span.last = Math.max(this.#span.last, last)
  }

  /** Cuts what does not count, by what the name says that it has by now. */
  async #letGo(): Promise<void> {
    try {
      const left = (await listSegments(this.#disk, this.#folder)).find(({ token }) => token === this.#token)
      if (left && left.state !== 'closed') await takeOver(this.#disk, this.#folder, left)
      const closed = (await listSegments(this.#disk, this.#folder)).find(({ token }) => token === this.#token)
      const { size } = await this.#file.stat()
      const bytes = closed?.bytes ?? 0
      if (size > bytes) await this.#file.truncate(bytes)
    } finally {
      await this.#file.close()
    }
  }
}

const takenOver = (path: string): SinkError =>
  new SinkError(
    'SINK_UNAVAILABLE',
    `${path} was closed while it was written to, since it was silent for too long; what was under way is looked for`,
  )
