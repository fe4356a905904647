import { InvalidError, type Issue } from '../core/errors.ts'

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

const DEFAULTS: Required<RetryPolicy> = {
  attempts: 5,
  delayMs: 1_000,
  factor: 2,
  maxDelayMs: 300_000,
  jitter: 0.2,
}

/** @throws InvalidError `CONFIGURATION_INVALID` with every number that makes no sense */
export function resolveRetryPolicy(policy: RetryPolicy = {}): Required<RetryPolicy> {
  const resolved = { ...DEFAULTS, ...policy }
  const issues: Issue[] = []
  const require = (name: keyof RetryPolicy, holds: boolean, wanted: string) => {
    if (!holds) issues.push({ path: `retry.${name}`, message: `must be ${wanted}, not ${resolved[name]}` })
  }
  require('attempts', Number.isInteger(resolved.attempts) &&
    resolved.attempts >= 1, 'a whole number from 1 on')
  require('delayMs', Number.isFinite(resolved.delayMs) && resolved.delayMs >= 0, 'a number of ms from 0 on')
  require('factor', Number.isFinite(resolved.factor) && resolved.factor >= 1, 'a number from 1 on')
  require('maxDelayMs', resolved.maxDelayMs >= resolved.delayMs, 'at least delayMs')
  require('jitter', resolved.jitter >= 0 && resolved.jitter <= 1, 'a number from 0 to 1')
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'the retry policy is impossible', issues)
  return resolved
}

/** @param attempt the one that failed, from 1 on */
export function retryDelay(policy: Required<RetryPolicy>, attempt: number, random = Math.random()): number {
  const delay = Math.min(policy.delayMs * policy.factor ** (attempt - 1), policy.maxDelayMs)
  return Math.round(delay * (1 - policy.jitter * random))
}
