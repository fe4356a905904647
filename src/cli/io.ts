import { once } from 'node:events'

/** Where a command reads and writes: data to `stdout`, everything for people to `stderr`. */
export interface Io {
  stdin: NodeJS.ReadableStream & { isTTY?: boolean; setRawMode?(raw: boolean): unknown }
  stdout: Screen
  stderr: Screen
  env: NodeJS.ProcessEnv
  cwd: string
  /** Aborted when the user has had enough; with NO_READER where that is since nobody reads what is written. */
  signal: AbortSignal
  /** Calls back whenever a service is told to read its configuration again (SIGHUP). */
  onHangUp?(listener: () => void): void
  /** Calls back with a fault that nobody caught, such as one in a timer of an app; the process ends when it returns. */
  onCrash?(listener: (fault: unknown) => void): void
}

export const NO_READER = 'nobody reads the output any more'

/** Where text goes, which may be a terminal of some size; that is told by the event `resize` when it changes. */
export type Screen = NodeJS.WritableStream & { isTTY?: boolean; columns?: number; rows?: number }

/** Writes a line of data, and waits for a reader that is slower than we are. */
export async function print(io: Io, line: string): Promise<void> {
  if (!io.stdout.write(`${line}\n`)) await once(io.stdout, 'drain', { signal: io.signal }).catch(() => {})
}

export const printJson = (io: Io, value: unknown): Promise<void> => print(io, JSON.stringify(value))

/** Writes a line for people. */
export function say(io: Io, line: string): void {
  io.stderr.write(`${line}\n`)
}

/** After telling what would be done. */
export const sayDryRun = (io: Io): void => say(io, 'nothing was changed: a dry run')
