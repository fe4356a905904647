import type { ExitCode } from './exit.ts'
import type { Io } from './io.ts'

/** What every command is declared with. */
export interface CommandContext {
  readonly io: Io
  /** For a command that has more to tell the shell than that it went well. */
  readonly setExitCode: (code: ExitCode) => void
}
