import { compareSpecificity, compilePattern, isPattern, type Pattern } from './pattern.ts'

/** Subjects come from whoever publishes, so what is remembered of them has an end. */
const MAX_REMEMBERED = 1_000
const MAX_REMEMBERED_LENGTH = 256

/**
 * Finds what stands for a subject: its exact name, else the pattern that says most of it.
 *
 * @example
 * const router = new Router([['user.created', welcome], ['user.>', audit]])
 * router.find('user.deleted') // audit
 */
export class Router<T> {
  readonly #exact = new Map<string, T>()
  readonly #patterns: { pattern: Pattern; target: T }[] = []
  readonly #remembered = new Map<string, T | undefined>()

  /** @throws InvalidError `CONFIGURATION_INVALID` at a wrong pattern */
  constructor(routes: Iterable<readonly [string, T]>) {
    for (const [subject, target] of routes) {
      if (isPattern(subject)) this.#patterns.push({ pattern: compilePattern(subject), target })
      else this.#exact.set(subject, target)
    }
    this.#patterns.sort((a, b) => compareSpecificity(a.pattern, b.pattern))
  }

  find(subject: string): T | undefined {
    return this.#exact.get(subject) ?? (this.#patterns.length > 0 ? this.#byPattern(subject) : undefined)
  }

  #byPattern(subject: string): T | undefined {
    const known = this.#remembered.get(subject)
    if (known !== undefined || this.#remembered.has(subject)) return known
    const target = this.#patterns.find(({ pattern }) => pattern.matches(subject))?.target
    if (subject.length <= MAX_REMEMBERED_LENGTH) this.#remember(subject, target)
    return target
  }

  /** All is forgotten when it is full: cheaper than an order of use, and what is common is soon back. */
  #remember(subject: string, target: T | undefined): void {
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear()
    this.#remembered.set(subject, target)
  }
}
