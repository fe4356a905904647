import type { DeadLetterFilter } from '../../core/dead-letters.ts'
import { InvalidError, type Issue } from '../../core/errors.ts'

/** How many letters one step looks at, and how many steps one call makes, before it answers where to go on. */
export const LETTERS_PER_STEP = 500
export const STEPS_PER_CALL = 20

/** A filter as the scripts take it. */
export interface ScriptFilter {
  /** Ids, or moments in ms: as the end of a range Redis takes a moment for its last entry. */
  readonly from: string
  readonly to: string
  /** Group, type, error; `` for any. */
  readonly words: readonly [string, string, string]
}

/** @throws InvalidError `CONFIGURATION_INVALID` with everything that can't be looked for */
export function toScriptFilter(filter: DeadLetterFilter): ScriptFilter {
  const issues: Issue[] = []
  const word = (name: 'group' | 'type' | 'error') => {
    const value = filter[name]
    if (value !== undefined && (typeof value !== 'string' || value === ''))
      issues.push({ path: name, message: 'must be a text that is not empty' })
    return value ?? ''
  }
  const moment = (name: 'from' | 'to', open: string) => {
    const value = filter[name]
    if (value === undefined) return open
    const ms = value instanceof Date ? value.getTime() : Number.NaN
    if (!(ms >= 0)) issues.push({ path: name, message: 'must be a Date since 1970' })
    return String(ms)
  }
  const words = [word('group'), word('type'), word('error')] as const
  const range = { from: moment('from', '-'), to: moment('to', '+') }
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'no dead letters can be found like this', issues)
  return { ...range, words }
}
