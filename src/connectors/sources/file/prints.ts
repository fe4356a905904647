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

/** Of a file that was read up to `offset`. */
export async function printOf(file: FileHandle, offset: number): Promise<Print> {
  const headBytes = Math.min(offset, HEAD_BYTES)
  const tailBytes = Math.min(offset, TAIL_BYTES)
  const head = await digest(file, 0, headBytes)
  return { offset, headBytes, head, tail: await digest(file, offset - tailBytes, tailBytes) }
}

/** Whether a file holds what the print was taken of; what is behind that may be anything. */
export async function goesOn(file: FileHandle, print: Print): Promise<boolean> {
  const { size } = await file.stat()
  if (size < print.offset) return false
  const now = await printOf(file, print.offset)
  return now.head === print.head && now.tail === print.tail
}

/** Whether a file is a copy of what the print was taken of, even one that was made before it was read as far. */
export async function isCopy(file: FileHandle, print: Print): Promise<boolean> {
  const { size } = await file.stat()
  if (size >= print.offset) return goesOn(file, print)
  return size >= print.headBytes && (await digest(file, 0, print.headBytes)) === print.head
}

async function digest(file: FileHandle, position: number, length: number): Promise<string> {
  const bytes = Buffer.alloc(length)
  const { bytesRead } = await file.read(bytes, 0, length, position)
  return digestOf(bytes.subarray(0, bytesRead))
}
