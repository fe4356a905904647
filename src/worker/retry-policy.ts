import type { Issue } from '../core/errors.ts'

/** When a failed handler runs again, and when no more. */
export interface RetryPolicy {
  /** Starts in all, the first one included (5). */
  attempts?: number
  /** Pause after the first failure, in ms (1000). */
  delayMs?: number
  /** By how much each pause is longer than the one before (2). */
  factor?: number
  /** Longest pause, in ms (300000). */
  maxDelayMs?: number
  /** Part of the pause that is left to chance, 0 to 1 (0.2), so that what failed together does not return together. */
  jitter?: number
}

export const DEFAULT_RETRY_POLICY: Required<RetryPolicy> = {
  attempts: 5,
  delayMs: 1_000,
  factor: 2,
  maxDelayMs: 300_000,
  jitter: 0.2,
}

/** Every number that makes no sense. `path` is how the policy is called, such as `retry`. */
export function retryPolicyIssues(path: string, policy: Required<RetryPolicy>): Issue[] {
  const issues: Issue[] = []
  const require = (name: keyof RetryPolicy, holds: boolean, wanted: string) => {
    if (!holds) issues.push({ path: `${path}.${name}`, message: `must be ${wanted}, not ${policy[name]}` })
  }
  const { attempts, delayMs, factor, maxDelayMs, jitter } = policy
  require('attempts', Number.isInteger(attempts) && attempts >= 1, 'a whole number from 1 on')
  require('delayMs', Number.isFinite(delayMs) && delayMs >= 0, 'a number of ms from 0 on')
  require('factor', Number.isFinite(factor) && factor >= 1, 'a number from 1 on')
  require('maxDelayMs', Number.isFinite(maxDelayMs) &&
    maxDelayMs >= delayMs, 'a number of ms, at least delayMs')
  require('jitter', jitter >= 0 && jitter <= 1, 'a number from 0 to 1')
  return issues
}

/** @param attempt the one that failed, from 1 on */
export function retryDelay(policy: Required<RetryPolicy>, attempt: number, random = Math.random()): number {
  const delay = Math.min(policy.delayMs * policy.factor ** (attempt - 1), policy.maxDelayMs)
  return Math.round(delay * (1 - policy.jitter * random))
}
