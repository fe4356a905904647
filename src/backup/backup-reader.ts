import { open, type FileHandle } from 'node:fs/promises'
import { RECORD, type BackupContents, type BackupRecord, type ReadFrom } from '../core/backup.ts'
import { InvalidError, toError } from '../core/errors.ts'
import type { Tail } from './backup-writer.ts'
import { FORMAT_VERSION, FRAME, type Header, type Totals } from './format.ts'
import { Fault, readFrames, type Frame } from './frames.ts'
import { decodeRecords } from './record-codec.ts'
import { StreamWalk, type WalkedStream } from './stream-walk.ts'

/** All that a file says of itself, after every byte of it was checked. */
export interface Checked extends BackupContents {
  readonly streams: readonly WalkedStream[]
  /** Of the whole file, in hex. */
  readonly digest: string
}

/** What a file that was not completed can be continued with. */
export interface Partial {
  readonly header: Header
  readonly tail: Tail
  /** The streams that are complete. */
  readonly streams: readonly WalkedStream[]
  /** Within the one that is not, where that is possible. */
  readonly current?: { readonly stream: WalkedStream; readonly from: ReadFrom }
}

/** @throws InvalidError `BACKUP_INVALID` for the first fault, with the byte at which it is */
export async function checkBackup(path: string, signal?: AbortSignal): Promise<Checked> {
  return reading(path, async (handle) => {
    const walk = new FileWalk()
    let last: Frame | undefined
    for await (const frame of readFrames(handle)) {
      signal?.throwIfAborted()
      walk.follow(frame)
      last = frame
    }
    const { size } = await handle.stat()
    const { header, totals, streams } = walk
    if (!last || !header || !totals)
      throw new Fault(size, 'it is cut short: the end that says what it should hold is missing')
    const { digest } = last.tail
    const { id, createdAt } = header
    const { entries, pending } = totals
    return {
      id,
      createdAt,
      formatVersion: FORMAT_VERSION,
      bytes: size,
      entries,
      pending,
      streams,
      digest: digest.toString('hex'),
    }
  })
}

/** The records of a file that was checked, in pages; it is checked once more on the way. */
export async function* readRecords(path: string): AsyncGenerator<readonly BackupRecord[]> {
  const handle = await open(path, 'r')
  try {
    for await (const { kind, plain } of readFrames(handle))
      if (kind === FRAME.data) yield [...decodeRecords(plain)]
  } catch (error) {
    throw error instanceof Fault ? invalid(path, error, 'it was changed while it was read') : error
  } finally {
    await handle.close()
  }
}

/** How far a file is that was not completed; undefined where nothing of it is of use. A torn end is no fault. */
export async function readPartial(path: string): Promise<Partial | undefined> {
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (!handle) return undefined
  const walk = new FileWalk()
  let found: Partial | undefined
  try {
    for await (const frame of readFrames(handle)) {
      walk.follow(frame)
      found = walk.partial(frame.tail) ?? found
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
  } finally {
    await handle.close()
  }
  return found
}

/** Follows a file frame by frame. */
class FileWalk {
  header: Header | undefined
  totals: Totals | undefined
  readonly streams: WalkedStream[] = []
  #current: StreamWalk | undefined

  /** @throws Fault */
  follow(frame: Frame): void {
    try {
      this.#follow(frame)
    } catch (error) {
      throw new Fault(frame.offset, toError(error).message)
    }
  }

  partial(tail: Tail): Partial | undefined {
    const { header, streams } = this
    if (!header || this.totals) return undefined
    const done = { header, tail, streams: [...streams] }
    if (!this.#current) return done
    const from = this.#current.resumable
    return from && { ...done, current: { stream: this.#current.stream, from } }
  }

  #follow({ kind, plain }: Frame): void {
    if (this.totals) throw new Error('there is more behind the end')
    if ((kind === FRAME.header) !== (this.header === undefined))
      throw new Error('the header is not where it belongs')
    if (kind === FRAME.header) this.header = toHeader(plain)
    else if (kind === FRAME.end) this.#end(JSON.parse(plain.toString()) as Totals)
    else for (const record of decodeRecords(plain)) this.#record(record)
  }

  #record(record: BackupRecord): void {
    if (!this.#current) {
      if (record.kind !== RECORD.stream) throw new Error('there is something that belongs to no stream')
      this.#current = new StreamWalk(record)
      const wanted = this.header!.streams[this.streams.length]
      if (this.#current.name !== wanted)
        throw new Error(`"${this.#current.name}" comes in the place of "${wanted}"`)
      return
    }
    this.#current.follow(record)
    if (!this.#current.ended) return
    this.streams.push(this.#current.stream)
    this.#current = undefined
  }

  #end(totals: Totals): void {
    const sum = (what: 'entries' | 'pending') => this.streams.reduce((all, stream) => all + stream[what], 0)
    const found = { streams: this.streams.length, entries: sum('entries'), pending: sum('pending') }
    for (const what of ['streams', 'entries', 'pending'] as const)
      if (totals[what] !== found[what])
        throw new Error(`there are ${found[what]} ${what}, and should be ${totals[what]}`)
    if (found.streams !== this.header!.streams.length) throw new Error('a stream is missing')
    this.totals = totals
  }
}

function toHeader(plain: Buffer): Header {
  const { id, createdAt, streams } = JSON.parse(plain.toString()) as Header
  const wellFormed = typeof id === 'string' && typeof createdAt === 'string' && Array.isArray(streams)
  if (!wellFormed || streams.some((name) => typeof name !== 'string'))
    throw new Error('the header says nothing')
  return { id, createdAt, streams }
}

async function reading<T>(path: string, work: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    throw invalid(path, undefined, `it can't be opened: ${error.message}`)
  })
  try {
    return await work(handle)
  } catch (error) {
    throw error instanceof Fault ? invalid(path, error, error.message) : error
  } finally {
    await handle.close()
  }
}

function invalid(path: string, fault: Fault | undefined, message: string): InvalidError {
  const where = fault === undefined ? '' : `at byte ${fault.offset}: `
  const advice = 'use another backup, or the original of this copy; nothing was written'
  return new InvalidError('BACKUP_INVALID', `the backup can not be used; ${advice}`, [
    { path, message: `${where}${message}` },
  ])
}
