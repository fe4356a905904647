import { InvalidError, type Issue } from '../core/errors.ts'

export interface ReplyOptions {
  /** How many requests run at once (5). Each is a place for one request until its handler has ended. */
  terminals?: number
  /**
   * How long a responder may be silent before others run what it held, in ms (3000): shorter than the time-outs of
   * requests, so that one whose responder died is answered in time.
   */
  deadAfterMs?: number
}

const DEFAULTS = { terminals: 5, deadAfterMs: 3_000 } satisfies Required<ReplyOptions>

/** @throws InvalidError `CONFIGURATION_INVALID` with every option that makes no sense */
export function checkReplyOptions(options: ReplyOptions, handler: unknown): Required<ReplyOptions> {
  const resolved = { ...DEFAULTS, ...options }
  const issues: Issue[] = []
  for (const path of ['terminals', 'deadAfterMs'] as const) {
    const value = resolved[path]
    if (!Number.isInteger(value) || value < 1)
      issues.push({ path, message: `must be a whole number from 1 on, not ${String(value)}` })
  }
  if (typeof handler !== 'function') issues.push({ path: 'handler', message: 'must be a function' })
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'the responder can not run like this', issues)
  return resolved
}
