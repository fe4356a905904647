import { open, rename, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { BackupRecord } from '../core/backup.ts'
import {
  encodeHead,
  fileStart,
  firstDigest,
  FRAME,
  nextDigest,
  type FrameKind,
  type Header,
  type Totals,
} from './format.ts'
import { RecordBuffer } from './record-codec.ts'

/** Large enough to compress well, and little to lose when the process dies. */
const FRAME_BYTES = 256 * 1024
/** Level 6 takes half as long again, for a file that is a twentieth smaller: measured with events as JSON. */
const LEVEL = 1
/** Compressed at a time, on threads of their own, while more is read. */
const MAX_UNDER_WAY = 4

const compress = promisify<Buffer, { level: number }, Buffer>(gzip)

/** Where the next frame goes. */
export interface Tail {
  readonly offset: number
  readonly number: number
  readonly digest: Buffer
}

/**
 * Writes the file of a backup under a temporary name. Frames are compressed side by side and written in order; a failure
 * shows with the next call.
 */
export class BackupWriter {
  readonly #path: string
  readonly #handle: FileHandle
  readonly #records = new RecordBuffer(2 * FRAME_BYTES)
  #tail: Tail
  #written: Promise<void> = Promise.resolve()
  #underWay = 0

  private constructor(path: string, handle: FileHandle, tail: Tail) {
    this.#path = path
    this.#handle = handle
    this.#tail = tail
  }

  static async create(path: string, header: Header): Promise<BackupWriter> {
    const handle = await open(path, 'w', 0o600)
    const start = fileStart()
    await handle.write(start)
    const writer = new BackupWriter(path, handle, { offset: start.length, number: 0, digest: firstDigest() })
    await writer.#frame(FRAME.header, Buffer.from(JSON.stringify(header)))
    return writer
  }

  /** Goes on behind a frame; what stands there is cut off. */
  static async resume(path: string, tail: Tail): Promise<BackupWriter> {
    const handle = await open(path, 'r+')
    await handle.truncate(tail.offset)
    return new BackupWriter(path, handle, tail)
  }

  async write(records: readonly BackupRecord[]): Promise<void> {
    for (const record of records) {
      this.#records.add(record)
      if (this.#records.length >= FRAME_BYTES) await this.#flush()
    }
  }

  /** Ends the frame, so that a run that goes on can begin here. */
  async endFrame(): Promise<void> {
    if (this.#records.length > 0) await this.#flush()
  }

  /** Completes the file: it is on the disk, under its name, or not there at all. Answers its size. */
  async finish(path: string, totals: Totals): Promise<number> {
    await this.endFrame()
    await this.#frame(FRAME.end, Buffer.from(JSON.stringify(totals)))
    await this.#written
    await this.#handle.sync()
    await this.#handle.close()
    await rename(this.#path, path)
    await syncFolder(dirname(path))
    return this.#tail.offset
  }

  /** What was written stays, for a run that goes on. */
  async abandon(): Promise<void> {
    await this.#written.catch(() => {})
    await this.#handle.close().catch(() => {})
  }

  async #flush(): Promise<void> {
    await this.#frame(FRAME.data, this.#records.take())
  }

  /** Resolves when so little is under way that more may come. */
  async #frame(kind: FrameKind, plain: Buffer): Promise<void> {
    const packing = compress(plain, { level: LEVEL })
    packing.catch(() => {})
    const before = this.#written
    this.#underWay++
    this.#written = before.then(async () => {
      await this.#append(kind, plain.length, await packing)
      this.#underWay--
    })
    this.#written.catch(() => {})
    if (this.#underWay >= MAX_UNDER_WAY) await before
  }

  async #append(kind: FrameKind, plainLength: number, packed: Buffer): Promise<void> {
    const { offset, number, digest: before } = this.#tail
    const head = encodeHead({ kind, number, packedLength: packed.length, plainLength })
    const digest = nextDigest(before, head, packed)
    const bytes = Buffer.concat([head, digest, packed])
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, offset + done)
      done += bytesWritten
    }
    this.#tail = { offset: offset + bytes.length, number: number + 1, digest }
  }
}

/** A name that is not on the disk is lost with the power. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  await folder.sync().finally(() => folder.close())
}
