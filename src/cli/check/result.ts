import type { LivenessFlags } from '../flags.ts'
import type { RedisFlags } from '../with-redis.ts'

/** What monitoring reads from the exit code. */
export const STATES = { OK: 0, WARNING: 1, CRITICAL: 2, UNKNOWN: 3 } as const

export type State = keyof typeof STATES

export interface CheckFlags extends RedisFlags, LivenessFlags {
  stream?: string
  group?: string
  warnLag?: number
  critLag?: number
  /** In ms, as the next. */
  warnPendingAge?: number
  critPendingAge?: number
  warnDeadLetters?: number
  critDeadLetters?: number
  timeout: number
}

/** What came of a check; `performance` are figures for graphs. */
export interface CheckResult {
  readonly state: State
  readonly text: string
  readonly performance: readonly string[]
}
