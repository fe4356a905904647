import { promisify } from 'node:util'
import { crc32, deflateRaw, inflateRaw } from 'node:zlib'

const deflate = promisify(deflateRaw)
const inflate = promisify(inflateRaw)

/** Magic, deflate, "has an extra field", no time, no flags, unknown system; then the extra field of 8 bytes: `Mr`, 4 bytes. */
const START = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, 8, 0, 0x4d, 0x72, 4, 0])
/** With the size of the whole member in the extra field, so that the next one is found without unpacking this one. */
export const HEADER_LENGTH = START.length + 4
/** Checksum and length of the text. */
const TRAILER_LENGTH = 8
/** Where the log is fast, packing harder would hold it up. */
const LEVEL = 3

/**
 * A text as one member of a gzip file. Members one behind the other are a gzip file as any other, and a file that was torn
 * can be cut between two of them.
 */
export async function gzipMember(text: Buffer): Promise<Buffer> {
  const packed = await deflate(text, { level: LEVEL })
  const size = HEADER_LENGTH + packed.length + TRAILER_LENGTH
  const member = Buffer.allocUnsafe(size)
  START.copy(member)
  member.writeUInt32LE(size, START.length)
  packed.copy(member, HEADER_LENGTH)
  member.writeUInt32LE(crc32(text), size - 8)
  member.writeUInt32LE(text.length % 2 ** 32, size - 4)
  return member
}

/** How long the member is that begins like this; undefined where it is none of ours. */
export function memberSize(header: Buffer): number | undefined {
  if (header.length < HEADER_LENGTH || !header.subarray(0, START.length).equals(START)) return undefined
  const size = header.readUInt32LE(START.length)
  return size > HEADER_LENGTH + TRAILER_LENGTH ? size : undefined
}

/** The text of a whole member; undefined where it is not what was written. */
export async function readMember(member: Buffer): Promise<Buffer | undefined> {
  const end = member.length - TRAILER_LENGTH
  const text = await inflate(member.subarray(HEADER_LENGTH, end)).catch(() => undefined)
  return text && crc32(text) === member.readUInt32LE(end) ? text : undefined
}
