import { RetryLater, Reject } from '../core/delivery.ts'
import { MessageProcessingError } from '../core/connector-errors.ts'
import { errorName, MillraceError, toError } from '../core/errors.ts'
import type { DeadLetter, Outcome } from '../core/stream-log.ts'
import type { Job } from './job.ts'
import { retryDelay, type RetryPolicy } from './retry-policy.ts'

/** What a dead letter says of why, at most; the whole of it is in the log. */
const MAX_REASON_LENGTH = 2_000

/** The outcome of a start that failed: whatever was thrown, it ends as a retry or as a dead letter. */
export function outcomeOfFailure(
  { entry: { position }, attempt, identity }: Pick<Job, 'entry' | 'attempt' | 'identity'>,
  thrown: unknown,
  policy: Required<RetryPolicy>,
): Outcome {
  const error = toError(thrown)
  if (!isFinal(thrown) && attempt < policy.attempts) {
    return { kind: 'retry', position, attempts: attempt, delayMs: delayAfter(error, attempt, policy) }
  }
  return deadLetter(position, attempt, error, identity)
}

/** The delay that the handler asks for, where it is one: it may come from a header that somebody else wrote. */
function delayAfter(error: Error, attempt: number, policy: Required<RetryPolicy>): number {
  const asked = error instanceof RetryLater ? error.delayMs : undefined
  return Number.isFinite(asked) ? Math.max(0, asked!) : retryDelay(policy, attempt)
}

export function deadLetter(position: string, attempts: number, error: Error, identity?: string): Outcome {
  const letter = letterOf(error)
  return { kind: 'dead-letter', position, attempts, letter, ...(identity === undefined ? {} : { identity }) }
}

/** What a dead letter says of an error. */
export const letterOf = (error: Error): DeadLetter => ({
  error: errorName(error),
  reason: String(error.message).slice(0, MAX_REASON_LENGTH),
})

/** No later start can end better: the handler said so, or the event itself is at fault. */
const isFinal = (thrown: unknown): boolean =>
  thrown instanceof Reject ||
  thrown instanceof MessageProcessingError ||
  (thrown instanceof MillraceError && FINAL_CODES.has(thrown.code))

const FINAL_CODES: ReadonlySet<string> = new Set(['EVENT_INVALID', 'EVENT_UNDECODABLE'])
