import { collectIssues, InvalidError, type Issue } from '../../core/errors.ts'
import { checkName } from '../../core/names.ts'
import { comparePositions, isEntryId } from '../../core/position.ts'
import type { Place } from '../../core/replay.ts'

type Given = Readonly<Record<string, unknown>>

const LAST_SEQUENCE = '18446744073709551615'

/** Reads what a job is given, and gathers every mistake in it. What is left out is undefined. */
export class Params {
  readonly #given: Given
  readonly #problem: string
  readonly #known = new Set<string>()
  readonly #issues: Issue[] = []

  /** @param problem what the message of the error begins with */
  constructor(given: unknown, problem: string) {
    const usable = typeof given === 'object' && given !== null && !Array.isArray(given)
    this.#given = usable ? (given as Given) : {}
    this.#problem = problem
    if (!usable) this.refuse('params', 'must be an object such as { stream: "orders" }')
  }

  refuse(path: string, message: string): void {
    this.#issues.push({ path, message })
  }

  /** As it was given. */
  raw(path: string): unknown {
    this.#known.add(path)
    return this.#given[path]
  }

  /** The name of a stream or a group; `''` where it is at fault. */
  name(path: string, what: string): string {
    const value = this.raw(path)
    collectIssues(this.#issues, () => checkName(what, value), path)
    return typeof value === 'string' ? value : ''
  }

  optionalName(path: string, what: string): string | undefined {
    return this.raw(path) === undefined ? undefined : this.name(path, what)
  }

  count(path: string, from: number): number | undefined {
    const value = this.raw(path)
    if (value === undefined) return undefined
    if (Number.isSafeInteger(value) && Number(value) >= from) return Number(value)
    this.refuse(path, `must be a whole number from ${from} on, not ${JSON.stringify(value)}`)
    return undefined
  }

  flag(path: string): boolean {
    const value = this.raw(path) ?? false
    if (typeof value === 'boolean') return value
    this.refuse(path, `must be true or false, not ${JSON.stringify(value)}`)
    return false
  }

  /** A moment as ISO 8601, also from a Date. */
  moment(path: string): string | undefined {
    const value = this.raw(path)
    const moment = momentOf(value)
    if (moment !== undefined || value === undefined) return moment?.toISOString()
    this.refuse(path, 'must be a moment such as 2026-01-28T09:00:00Z')
    return undefined
  }

  /** A position, or a moment as ISO 8601, which is how a Date is written down. */
  place(path: string): string | undefined {
    const value = this.raw(path)
    if (value === undefined || isEntryId(value)) return value
    const moment = momentOf(value)
    if (moment !== undefined) return moment.toISOString()
    this.refuse(path, 'must be a position such as 1700000000000-0, or a moment such as 2026-01-28T09:00:00Z')
    return undefined
  }

  /** Refuses a range that begins behind its end. */
  requireOrder(from: string | undefined, to: string | undefined, paths: readonly [string, string]): void {
    if (from === undefined || to === undefined) return
    if (comparePositions(firstOf(from), lastOf(to)) > 0)
      this.refuse(paths[0], `is behind ${paths[1]}: the range is the wrong way round`)
  }

  /** Takes over the mistakes in a part, which was read by itself. */
  adopt(path: string, part: Params): void {
    for (const issue of part.#allIssues()) this.refuse(`${path}.${issue.path}`, issue.message)
  }

  /** @throws InvalidError `CONFIGURATION_INVALID` with every mistake, also names that nobody asked for */
  done(): void {
    const issues = this.#allIssues()
    if (issues.length > 0) throw new InvalidError('CONFIGURATION_INVALID', this.#problem, issues)
  }

  #allIssues(): Issue[] {
    const unknown = Object.keys(this.#given).filter((name) => !this.#known.has(name))
    const known = [...this.#known].join(', ')
    return [
      ...this.#issues,
      ...unknown.map((path) => ({ path, message: `is no parameter; there are ${known}` })),
    ]
  }
}

/** Texts must say their time zone: a server may stand in any. */
const MOMENT = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2}))?$/

function momentOf(value: unknown): Date | undefined {
  if (!(value instanceof Date) && !(typeof value === 'string' && MOMENT.test(value))) return undefined
  const moment = new Date(value)
  return moment.getTime() >= 0 ? moment : undefined
}

/** As the ports take it. */
export const toPlace = (text: string): Place => (isEntryId(text) ? text : new Date(text))

/** The first and the last position that a place can mean. */
export const firstOf = (text: string): string => (isEntryId(text) ? text : `${new Date(text).getTime()}-0`)
const lastOf = (text: string): string =>
  isEntryId(text) ? text : `${new Date(text).getTime()}-${LAST_SEQUENCE}`
