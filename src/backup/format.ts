import { createHash } from 'node:crypto'

/*
 * The file of a backup, format 1. All numbers are unsigned; those of fixed size are big-endian.
 *
 *   file    = "MILLRACE" version:2 frame …
 *   frame   = kind:1 number:4 packed-length:4 plain-length:4 digest:32 packed
 *
 * `packed` is a gzip member (RFC 1952) of `plain-length` bytes. Frames are numbered from 0. `digest` is the SHA-256 of the
 * digest of the frame before, the 13 bytes that stand before the digest, and `packed`; what stands for the digest before the
 * first frame is the SHA-256 of the 10 bytes at the start of the file. So whatever is changed, cut out, swapped or pasted in
 * breaks the chain at the place where that was done, and the last digest is one of the whole file.
 *
 * The first frame, `H`, holds JSON: `id` of the job, `createdAt` in ISO 8601, `streams` in the order in which they come.
 * The last one, `E`, holds JSON as well: how many `streams`, `entries` and `pending` entries there were. Behind it the file
 * ends; a file without it is not complete. All between are `D`, which hold records, none of them divided:
 *
 *   record  = kind:1 count part …      (count parts)
 *   part    = length byte …            (length bytes)
 *
 * `count` and `length` are LEB128 numbers: seven bits in each byte, the lowest first, the highest bit set on all but the
 * last byte. What kinds there are, and what their parts mean, is in core/backup.ts; texts are UTF-8 and numbers decimal.
 */

export const FORMAT_VERSION = 1
const MAGIC = Buffer.from('MILLRACE')
export const START_LENGTH = MAGIC.length + 2
export const HEAD_LENGTH = 13
export const DIGEST_LENGTH = 32
export const FRAME_OVERHEAD = HEAD_LENGTH + DIGEST_LENGTH

export const FRAME = { header: 0x48, data: 0x44, end: 0x45 } as const
export type FrameKind = (typeof FRAME)[keyof typeof FRAME]

export interface FrameHead {
  readonly kind: number
  readonly number: number
  readonly packedLength: number
  readonly plainLength: number
}

export interface Header {
  readonly id: string
  readonly createdAt: string
  readonly streams: readonly string[]
}

export interface Totals {
  readonly streams: number
  readonly entries: number
  readonly pending: number
}

export function fileStart(): Buffer {
  const bytes = Buffer.alloc(START_LENGTH)
  MAGIC.copy(bytes)
  bytes.writeUInt16BE(FORMAT_VERSION, MAGIC.length)
  return bytes
}

/** The version in the first bytes of a file, undefined where it is no backup. */
export const versionIn = (start: Buffer): number | undefined =>
  start.length === START_LENGTH && start.subarray(0, MAGIC.length).equals(MAGIC)
    ? start.readUInt16BE(MAGIC.length)
    : undefined

export const firstDigest = (): Buffer => createHash('sha256').update(fileStart()).digest()

export const nextDigest = (before: Buffer, head: Buffer, packed: Buffer): Buffer =>
  createHash('sha256').update(before).update(head).update(packed).digest()

export function encodeHead({ kind, number, packedLength, plainLength }: FrameHead): Buffer {
  const bytes = Buffer.alloc(HEAD_LENGTH)
  bytes.writeUInt8(kind, 0)
  bytes.writeUInt32BE(number, 1)
  bytes.writeUInt32BE(packedLength, 5)
  bytes.writeUInt32BE(plainLength, 9)
  return bytes
}

export const decodeHead = (bytes: Buffer): FrameHead => ({
  kind: bytes.readUInt8(0),
  number: bytes.readUInt32BE(1),
  packedLength: bytes.readUInt32BE(5),
  plainLength: bytes.readUInt32BE(9),
})
