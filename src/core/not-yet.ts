import { backoffMs } from './backoff.ts'
import { RetryLater } from './delivery.ts'
import type { ErrorCode } from './errors.ts'

const FIRST_DELAY_MS = 30_000
const MAX_DELAY_MS = 600_000

/**
 * What time is likely to mend, such as an event that is newer than this process: a deployment or a rotation has not
 * reached us. Retried after 30 s, doubling to 10 min, within the attempts of the policy; the code stays readable in
 * the dead letter, to redrive by.
 */
export class NotYet extends RetryLater {
  readonly code: ErrorCode

  /** @param attempt the start that failed, from 1 on */
  constructor(code: ErrorCode, attempt: number, reason: string) {
    super(backoffMs(FIRST_DELAY_MS, attempt - 1, MAX_DELAY_MS), reason)
    this.name = 'NotYet'
    this.code = code
  }
}
