import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'

/** By which a file is known again: how it begins, and what stands before the place where it was left. */
export interface Print {
  readonly offset: number
  readonly headBytes: number
  readonly head: string
  readonly tail: string
}

export const HEAD_BYTES = 1_024
const TAIL_BYTES = 64

const digestOf = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('base64url').slice(0, 22)

const ofNothing = digestOf(new Uint8Array())
/** Of a file of which nothing was read yet: it fits any. */
export const UNREAD: Print = { offset: 0, headBytes: 0, head: ofNothing, tail: ofNothing }

/**
 * The print of a file, kept up from what is read of it: a look at the file would come too late where it is cut right after a
 * read.
 */
export class RunningPrint {
  #offset: number
  #head: Buffer
  #tail: Buffer

  private constructor(offset: number, head: Buffer, tail: Buffer) {
    this.#offset = offset
    this.#head = head
    this.#tail = tail
  }

  /** Of a file that was read up to `offset` before. */
  static async at(file: FileHandle, offset: number): Promise<RunningPrint> {
    const head = await bytesAt(file, 0, Math.min(offset, HEAD_BYTES))
    const tailBytes = Math.min(offset, TAIL_BYTES)
    return new RunningPrint(offset, head, await bytesAt(file, offset - tailBytes, tailBytes))
  }

  get print(): Print {
    const { length: headBytes } = this.#head
    return { offset: this.#offset, headBytes, head: digestOf(this.#head), tail: digestOf(this.#tail) }
  }

  /** Takes what was read up to `end`; nothing where some of it is missing. */
  add({ start, end, bytes }: { start: number; end: number; bytes: Buffer }): void {
    if (start !== this.#offset || bytes.length !== end - start) return
    this.#offset = end
    if (this.#head.length < HEAD_BYTES)
      this.#head = Buffer.concat([this.#head, bytes]).subarray(0, HEAD_BYTES)
    this.#tail = Buffer.concat([this.#tail, bytes.subarray(-TAIL_BYTES)]).subarray(-TAIL_BYTES)
  }
}

/** Whether a file holds what the print was taken of; what is behind that may be anything. */
export async function goesOn(file: FileHandle, print: Print): Promise<boolean> {
  const { size } = await file.stat()
  if (size < print.offset) return false
  const { print: now } = await RunningPrint.at(file, print.offset)
  return now.head === print.head && now.tail === print.tail
}

/** Whether a file is a copy of what the print was taken of, even one that was made before it was read as far. */
export async function isCopy(file: FileHandle, print: Print): Promise<boolean> {
  const { size } = await file.stat()
  if (size >= print.offset) return goesOn(file, print)
  return size >= print.headBytes && (await digest(file, 0, print.headBytes)) === print.head
}

const digest = async (file: FileHandle, position: number, length: number): Promise<string> =>
  digestOf(await bytesAt(file, position, length))

async function bytesAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  const { bytesRead } = await file.read(bytes, 0, length, position)
  return bytes.subarray(0, bytesRead)
}
