import { redactText } from '../core/redact.ts'
import type { FailureKind, RequestFailure } from './target.ts'

/** Failures of one kind and code, such as those of status 503. */
export interface FailureGroup {
  kind: FailureKind
  /** The status, or the code of the error; null where there is none. */
  code: string | null
  count: number
  /** What the first of them said, without secrets, cut to 300 characters. */
  sample: string
}

/** Kinds beyond so many are counted as one: a target that makes up codes must not fill our memory. */
const MOST_GROUPS = 100
const LONGEST_SAMPLE = 300

/** Failures, counted by kind and code. */
export class Failures {
  readonly #groups = new Map<string, FailureGroup>()
  #count = 0

  get count(): number {
    return this.#count
  }

  add({ kind, code, message }: RequestFailure): void {
    this.#count++
    const key = `${kind} ${code ?? ''}`
    const group = this.#groups.get(key) ?? this.#open(key, kind, code ?? null, message)
    group.count++
  }

  /** The largest group first. */
  get groups(): FailureGroup[] {
    return [...this.#groups.values()].toSorted((a, b) => b.count - a.count).map((group) => ({ ...group }))
  }

  #open(key: string, kind: FailureKind, code: string | null, message: string): FailureGroup {
    const full = this.#groups.size >= MOST_GROUPS
    const place = full ? 'others' : key
    const there = this.#groups.get(place)
    if (there) return there
    const sample = redactText(message).slice(0, LONGEST_SAMPLE)
    const group: FailureGroup = {
      kind: full ? 'other' : kind,
      code: full ? 'various' : code,
      count: 0,
      sample,
    }
    this.#groups.set(place, group)
    return group
  }
}
