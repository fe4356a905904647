import { join } from 'node:path'
import { positionTime } from '../../../core/position.ts'
import { diskCode, syncFolder, unlessMissing, type Disk } from './disk.ts'
import { closedName, OWN_HOST, parseSegmentName, takenName, type SegmentName, type Span } from './names.ts'
import { scan } from './scan.ts'

/** Whoever writes to a segment touches it far more often. */
export const TOUCH_MS = 2_000
const STALE_MS = 15_000

export async function listSegments(disk: Disk, folder: string): Promise<SegmentName[]> {
  const names = (await unlessMissing(disk.readdir(folder))) ?? []
  return names.flatMap((name) => parseSegmentName(name) ?? [])
}

/**
 * Whether its writer is gone: its process is not there any more, or it has not touched the file for long. To be wrong about
 * that does no harm: a writer finds out before it counts anything more as written.
 */
export async function isAbandoned(disk: Disk, folder: string, segment: SegmentName): Promise<boolean> {
  if (segment.state === 'taken') return true
  if (segment.state === 'closed') return false
  if (segment.host === OWN_HOST && !isRunning(segment.pid!)) return true
  const found = await unlessMissing(disk.lstat(join(folder, segment.file)))
  return found !== undefined && Date.now() - found.mtimeMs > STALE_MS
}

/**
 * Closes a segment for whoever wrote to it, and cuts what is torn at its end. From the first rename on nothing more counts
 * as written by its writer; so what is whole then can be counted, and the second rename tells everybody. Several may do
 * this at once, and each step may be the last of a process: the next one goes on.
 */
export async function takeOver(disk: Disk, folder: string, segment: SegmentName): Promise<void> {
  const taken = takenName(segment.file)
  if (taken !== segment.file) await renameOnce(disk, join(folder, segment.file), join(folder, taken))
  const path = join(folder, taken)
  const span: Span = { first: Infinity, last: 0 }
  const { isGzip, token } = segment
  const onIdentities = (identities: readonly string[]) => widen(span, identities)
  const bytes = await unlessMissing(
    scan(disk, path, { isGzip, from: 0, to: Infinity, sync: true, onIdentities }),
  )
  if (bytes === undefined) return
  if (bytes === 0) await unlessMissing(disk.unlink(path))
  else {
    const closed = join(folder, closedName(token, isGzip, span, bytes))
    if (await renameOnce(disk, path, closed)) await cut(disk, closed, bytes)
  }
  await syncFolder(disk, folder)
}

/** What is behind its end was not counted. */
export async function cut(disk: Disk, path: string, bytes: number): Promise<void> {
  const found = await unlessMissing(disk.lstat(path))
  if (found?.isFile() && found.size > bytes) await disk.truncate(path, bytes)
}

export function widen(span: Span, identities: readonly string[]): void {
  for (const identity of identities) {
    const time = positionTime(identity)
    if (time < span.first) span.first = time
    if (time > span.last) span.last = time
  }
}

/** False where somebody else did it. */
async function renameOnce(disk: Disk, from: string, to: string): Promise<boolean> {
  try {
    await disk.rename(from, to)
    return true
  } catch (error) {
    if (diskCode(error) === 'ENOENT') return false
    throw error
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return diskCode(error) !== 'ESRCH'
  }
}
