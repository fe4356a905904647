import type { FileHandle } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { Tail } from './backup-writer.ts'
import {
  decodeHead,
  FORMAT_VERSION,
  DIGEST_LENGTH,
  firstDigest,
  FRAME,
  FRAME_OVERHEAD,
  HEAD_LENGTH,
  nextDigest,
  START_LENGTH,
  versionIn,
} from './format.ts'

const decompress = promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip)
/** Read and decompressed ahead, on threads of their own. */
const AHEAD = 4

/** Something in a file that no backup has there. */
export class Fault extends Error {
  readonly offset: number

  constructor(offset: number, message: string) {
    super(message)
    this.offset = offset
  }
}

export interface Frame {
  readonly kind: number
  /** Where it begins. */
  readonly offset: number
  /** Where the next one goes. */
  readonly tail: Tail
  readonly plain: Buffer
}

/**
 * The frames of a file up to its end, each of which was found to be whole and in its place.
 *
 * @throws Fault at the first one that is not, after all that come before it
 */
export async function* readFrames(handle: FileHandle): AsyncGenerator<Frame> {
  await checkStart(handle)
  const ahead: Promise<Frame>[] = []
  for await (const { whole } of readPacked(handle)) {
    ahead.push(whole)
    if (ahead.length === AHEAD) yield await ahead.shift()!
  }
  for (const whole of ahead) yield await whole
}

/** What can be read at all, the fault that ends it included, before it is decompressed. */
async function* readPacked(handle: FileHandle): AsyncGenerator<{ whole: Promise<Frame> }> {
  const { size } = await handle.stat()
  let tail: Tail | undefined = { offset: START_LENGTH, number: 0, digest: firstDigest() }
  while (tail && tail.offset < size) {
    const read: Packed = await readFrame(handle, tail, size).catch((fault: unknown) => ({
      tail: undefined,
      whole: Promise.reject(fault),
    }))
    // It is heard of when its turn comes.
    read.whole.catch(() => {})
    yield read
    tail = read.tail
  }
}

interface Packed {
  /** Undefined behind a fault. */
  readonly tail: Tail | undefined
  readonly whole: Promise<Frame>
}

async function checkStart(handle: FileHandle): Promise<void> {
  const start = await read(handle, 0, START_LENGTH)
  const version = versionIn(start)
  if (version === undefined) throw new Fault(0, 'it does not begin as a backup of Millrace does')
  if (version > FORMAT_VERSION)
    throw new Fault(
      0,
      `it has the format ${version}, which a newer Millrace wrote; this one reads ${FORMAT_VERSION}`,
    )
  if (version < FORMAT_VERSION) throw new Fault(0, `it has the format ${version}, which never was one`)
}

async function readFrame(
  handle: FileHandle,
  { offset, number, digest: before }: Tail,
  size: number,
): Promise<Packed> {
  const cut = () => new Fault(offset, `frame ${number} is cut short, or its length was changed`)
  if (size - offset < FRAME_OVERHEAD) throw cut()
  const start = await read(handle, offset, FRAME_OVERHEAD)
  const head = decodeHead(start)
  const end = offset + FRAME_OVERHEAD + head.packedLength
  if (end > size) throw cut()
  const packed = await read(handle, offset + FRAME_OVERHEAD, head.packedLength)
  const digest = start.subarray(HEAD_LENGTH, HEAD_LENGTH + DIGEST_LENGTH)
  if (head.number !== number || !nextDigest(before, start.subarray(0, HEAD_LENGTH), packed).equals(digest))
    throw new Fault(
      offset,
      `what stands in the place of frame ${number} was changed, or is not what was written there`,
    )
  if (!Object.values(FRAME).some((kind) => kind === head.kind))
    throw new Fault(offset, `frame ${number} is of no kind`)
  const tail = { offset: end, number: number + 1, digest }
  const whole = decompress(packed, { maxOutputLength: Math.max(head.plainLength, 1) }).then(
    (plain) => {
      if (plain.length !== head.plainLength)
        throw new Fault(offset, `frame ${number} is not as long as it says`)
      return { kind: head.kind, offset, tail, plain }
    },
    (error: Error) => {
      throw new Fault(offset, `frame ${number} can't be decompressed: ${error.message}`)
    },
  )
  return { tail, whole }
}

async function read(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  let done = 0
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, offset + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return bytes.subarray(0, done)
}
