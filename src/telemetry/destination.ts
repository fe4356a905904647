import { writeSync } from 'node:fs'

/** Takes whole lines. */
export interface Destination {
  write(line: string): unknown
}

/** How long to let the reader of a full pipe catch up before trying again. */
const FULL_PIPE_WAIT_MS = 1
/** How long a line waits for a reader that does not read: what a service is there for must not stop with its log. */
const PATIENCE_MS = 1_000
const NOTHING = Buffer.alloc(0)

/**
 * Writes to a file descriptor before `write` returns: what was logged is out when the process ends, however it ends.
 * (`process.stdout` holds back what a pipe does not take at once, and loses it on `process.exit`; measured: 19,000 of
 * 20,000 lines.) Where nobody reads, lines are dropped; a service does not end because its log did.
 *
 * @param notice the line that says how many were dropped, once somebody reads again
 */
export function synchronousDestination(
  fd: number,
  notice: (dropped: number) => string = (dropped) => `${dropped} lines were dropped\n`,
): Destination {
  /** Of a line that went out in part: it is finished before another one begins. */
  let rest: Buffer = NOTHING
  let dropped = 0
  let stalled = false
  const write = (bytes: Buffer): Buffer => {
    const left = writeFor(fd, bytes, stalled ? 0 : PATIENCE_MS)
    stalled = left.length > 0
    return left
  }
  return {
    write(line) {
      if (rest.length > 0) rest = write(rest)
      if (rest.length > 0) return void dropped++
      const bytes = Buffer.from(dropped > 0 ? notice(dropped) + line : line)
      const left = write(bytes)
      if (left.length === bytes.length) dropped++
      else {
        dropped = 0
        rest = left
      }
    },
  }
}

/** Answers what is left when the time is over. What can't be written at all counts as written. */
function writeFor(fd: number, bytes: Buffer, ms: number): Buffer {
  let left = bytes
  for (const end = performance.now() + ms; left.length > 0;) {
    try {
      left = left.subarray(writeSync(fd, left))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return NOTHING
      if (performance.now() >= end) return left
      // A pipe that does not block is full: wait, as one that blocks would have us do.
      sleep(FULL_PIPE_WAIT_MS)
    }
  }
  return left
}

const sleepCell = new Int32Array(new SharedArrayBuffer(4))
const sleep = (ms: number) => Atomics.wait(sleepCell, 0, 0, ms)
