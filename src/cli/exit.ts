import { InvalidError, MillraceError, toError } from '../core/errors.ts'

/** What the command line tells the shell. */
export const EXIT = { ok: 0, failed: 1, usage: 2, notFound: 3, unreachable: 5 } as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

const CODES: Readonly<Record<string, ExitCode>> = {
  CONFIGURATION_INVALID: EXIT.usage,
  CONFIRMATION_REQUIRED: EXIT.usage,
  NAME_INVALID: EXIT.usage,
  UNKNOWN_CONSUMER: EXIT.notFound,
  UNKNOWN_DEAD_LETTER: EXIT.notFound,
  UNKNOWN_GROUP: EXIT.notFound,
  UNKNOWN_JOB: EXIT.notFound,
  UNKNOWN_KEY: EXIT.notFound,
  UNKNOWN_PIPELINE: EXIT.notFound,
  UNKNOWN_STREAM: EXIT.notFound,
  REDIS_UNAVAILABLE: EXIT.unreachable,
  REDIS_UNCERTAIN: EXIT.unreachable,
  DATABASE_UNAVAILABLE: EXIT.unreachable,
  ENGINE_UNAVAILABLE: EXIT.unreachable,
  ENGINE_START_FAILED: EXIT.unreachable,
  ENGINE_LOCKED: EXIT.unreachable,
}

/** A failure that should end the command with this code and nothing but its message. */
export class CommandError extends Error {
  readonly exitCode: ExitCode

  constructor(message: string, exitCode: ExitCode = EXIT.failed) {
    super(message)
    this.exitCode = exitCode
  }
}

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommandError) return error.exitCode
  const code = (error as { code?: unknown } | undefined)?.code
  return (typeof code === 'string' && CODES[code]) || EXIT.failed
}

/** The one renderer of errors for people: what is wrong, each fault on a line of its own; a stack only for bugs. */
export function renderError(error: unknown): string {
  const { name, message, stack } = toError(error)
  if (error instanceof InvalidError && error.issues.length > 1) {
    const lines = error.issues.map(({ path, message }) => `  - ${path ? `${path}: ` : ''}${message}`)
    return [`error: ${message.slice(0, message.indexOf(':'))}:`, ...lines].join('\n')
  }
  const expected = error instanceof MillraceError || error instanceof CommandError || isSystemError(error)
  return expected ? `error: ${message}` : `error: ${name}: ${message}\n${stack ?? ''}`
}

const isSystemError = (error: unknown): boolean =>
  typeof (error as { code?: unknown } | undefined)?.code === 'string'
