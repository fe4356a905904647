import { writeSync } from 'node:fs'

/** Takes whole lines. */
export interface Destination {
  write(line: string): unknown
}

/** How long to let the reader of a full pipe catch up before trying again. */
const FULL_PIPE_WAIT_MS = 1

/**
 * Writes to a file descriptor before `write` returns: what was logged is out when the process ends, however it ends.
 * (`process.stdout` holds back what a pipe does not take at once, and loses it on `process.exit`; measured: 19,000 of
 * 20,000 lines.) Where nobody reads, lines are dropped; a service does not end because its log did.
 */
export function synchronousDestination(fd: number): Destination {
  return {
    write(line) {
      const bytes = Buffer.from(line)
      for (let written = 0; written < bytes.length;) {
        try {
          written += writeSync(fd, bytes, written)
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return
          // A pipe that does not block is full: wait, as one that blocks would have us do.
          sleep(FULL_PIPE_WAIT_MS)
        }
      }
    },
  }
}

const sleepCell = new Int32Array(new SharedArrayBuffer(4))
const sleep = (ms: number) => Atomics.wait(sleepCell, 0, 0, ms)
