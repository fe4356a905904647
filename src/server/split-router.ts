import type { Result, Router } from 'hono/router'
import { RegExpRouter } from 'hono/router/reg-exp-router'
import { TrieRouter } from 'hono/router/trie-router'

/**
 * The quick router of Hono can't have `/x/{id}` beside `/x/summary`, and where it meets such routes the whole app falls
 * back to the slow one. So those that operators ask for have the slow one to themselves.
 */
export class SplitRouter<T> implements Router<T> {
  readonly name = 'SplitRouter'
  readonly #prefix: string
  readonly #quick = new RegExpRouter<T>()
  readonly #below = new TrieRouter<T>()

  /** @param prefix of the paths that have the slow one, such as `/api/admin/` */
  constructor(prefix: string) {
    this.#prefix = prefix
  }

  /** What is for every path is in both. */
  add(method: string, path: string, handler: T): void {
    if (!path.startsWith(this.#prefix)) this.#quick.add(method, path, handler)
    if (path.startsWith(this.#prefix) || path.includes('*')) this.#below.add(method, path, handler)
  }

  match(method: string, path: string): Result<T> {
    return (path.startsWith(this.#prefix) ? this.#below : this.#quick).match(method, path)
  }
}
