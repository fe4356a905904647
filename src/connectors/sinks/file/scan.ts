import { READ_NO_LINK, type Disk, type DiskFile } from './disk.ts'
import { HEADER_LENGTH, memberSize, readMember } from './gzip-member.ts'
import { readLines } from './lines.ts'

const CHUNK = 1 << 20

export interface Scan {
  /** Told of those of each piece that is read. */
  onIdentities(identities: readonly string[]): void
  isGzip: boolean
  /** Where to begin, in bytes; the end of an earlier scan. */
  from: number
  /** What is beyond it does not count. */
  to: number
}

/** Reads what of a segment is whole, and answers where that ends. Synced first where `sync` says so. */
export async function scan(disk: Disk, path: string, options: Scan & { sync?: boolean }): Promise<number> {
  const file = await disk.open(path, READ_NO_LINK)
  try {
    // Only what is there for good counts as written.
    if (options.sync) await file.sync()
    return await (options.isGzip ? scanMembers(file, options) : scanLines(file, options))
  } finally {
    await file.close()
  }
}

async function scanLines(file: DiskFile, { from, to, onIdentities }: Scan): Promise<number> {
  let [end, size] = [from, CHUNK]
  for (;;) {
    const piece = await readPiece(file, end, Math.min(size, to - end))
    const { identities, bytes } = readLines(piece)
    onIdentities(identities)
    end += bytes
    if (bytes > 0) size = CHUNK
    // A line longer than a piece, or the end of what is whole.
    else if (piece.length < size) return end
    else size *= 2
  }
}

async function scanMembers(file: DiskFile, { from, to, onIdentities }: Scan): Promise<number> {
  let end = from
  for (;;) {
    const size = memberSize(await readPiece(file, end, Math.min(HEADER_LENGTH, to - end)))
    if (size === undefined || end + size > to) return end
    const member = await readPiece(file, end, size)
    const text = member.length === size ? await readMember(member) : undefined
    if (!text) return end
    onIdentities(readLines(text).identities)
    end += size
  }
}

/** Shorter only at the end of the file. */
async function readPiece(file: DiskFile, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.max(length, 0))
  let filled = 0
  while (filled < buffer.length) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}
