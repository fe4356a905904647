import type { Result, Router } from 'hono/router'
import { RegExpRouter } from 'hono/router/reg-exp-router'
import { TrieRouter } from 'hono/router/trie-router'

/**
 * The quick router of Hono can't have `/x/{id}` beside `/x/summary`, and where it meets such routes the whole app falls
 * back to the slow one. So those that operators ask for, and those of apps, have the slow one to themselves.
 */
export class SplitRouter<T> implements Router<T> {
  readonly name = 'SplitRouter'
  readonly #prefixes: readonly string[]
  readonly #quick = new RegExpRouter<T>()
  readonly #below = new TrieRouter<T>()

  /** @param prefixes of the paths that have the slow one, such as `/api/admin/` */
  constructor(prefixes: readonly string[]) {
    this.#prefixes = prefixes
  }

  /** What is for every path is in both. */
  add(method: string, path: string, handler: T): void {
    const isBelow = this.#isBelow(path)
    if (!isBelow) this.#quick.add(method, path, handler)
    if (isBelow || path.includes('*')) this.#below.add(method, path, handler)
  }

  match(method: string, path: string): Result<T> {
    return (this.#isBelow(path) ? this.#below : this.#quick).match(method, path)
  }

  #isBelow(path: string): boolean {
    return this.#prefixes.some((prefix) => path.startsWith(prefix))
  }
}
