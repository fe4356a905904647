import { MillraceError } from '../core/errors.ts'
import type { ReadReply } from './wire.ts'

/** How many parts a responder writes ahead of whoever reads them. */
export const PART_WINDOW = 64

/** What the parts of one answer need of the requester. */
export interface PartsSource {
  /** So many may be written in all by now. */
  allow(parts: number): void
  /** Whoever reads them wants no more. */
  cancel(): void
  value(json: string | undefined): unknown
  error(json: string): Promise<Error>
}

/**
 * The parts of one answer as they come, in their order. They wait here for whoever reads them, which are never more than
 * {@link PART_WINDOW}. Parts of a second start are not mixed with those of the first: where some had come when their
 * responder died, the answer ends with `RPC_INTERRUPTED`.
 */
export class Parts implements AsyncIterator<unknown, void> {
  readonly #source: PartsSource
  readonly #values: (string | undefined)[] = []
  #attempt: string | undefined
  #received = 0
  #taken = 0
  #allowed = PART_WINDOW
  #ended = false
  #failure: Error | Promise<Error> | undefined
  #wake: (() => void) | undefined

  constructor(source: PartsSource) {
    this.#source = source
  }

  /** Answers whether nothing more comes. */
  take(reply: ReadReply): boolean {
    this.#attempt ??= reply.attempt
    // A former start that goes on, since it does not know yet that it lost the request, says nothing.
    if (Number(reply.attempt) < Number(this.#attempt)) return false
    if (reply.attempt !== this.#attempt) {
      if (this.#received > 0) return this.#interrupted('its responder was lost in the middle of the answer')
      this.#attempt = reply.attempt
    }
    if (reply.error !== undefined) return this.#end(this.#source.error(reply.error))
    if (Number(reply.end ?? reply.part) !== this.#received)
      return this.#interrupted('a part of the answer is missing')
    if (reply.end !== undefined) return this.#end()
    this.#received++
    this.#values.push(reply.data)
    this.#wake?.()
    return false
  }

  fail(error: Error): void {
    this.#end(error)
  }

  async next(): Promise<IteratorResult<unknown, void>> {
    while (this.#values.length === 0 && !this.#ended)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    if (this.#values.length === 0) {
      const failure = this.#failure
      this.#failure = undefined
      if (failure) throw await failure
      return { done: true, value: undefined }
    }
    const json = this.#values.shift()
    this.#taken++
    this.#allowMore()
    try {
      return { done: false, value: await this.#source.value(json) }
    } catch (error) {
      await this.return()
      throw error
    }
  }

  async return(): Promise<IteratorResult<unknown, void>> {
    if (!this.#ended) this.#source.cancel()
    this.#values.length = 0
    this.#failure = undefined
    this.#end()
    return { done: true, value: undefined }
  }

  /** In steps, so that a note is written for many parts and not for each. */
  #allowMore(): void {
    if (this.#ended || this.#taken + PART_WINDOW / 2 < this.#allowed) return
    this.#allowed = this.#taken + PART_WINDOW
    this.#source.allow(this.#allowed)
  }

  #interrupted(why: string): boolean {
    this.#source.cancel()
    return this.#end(new MillraceError('RPC_INTERRUPTED', `${why}; ask again for all of it`))
  }

  #end(failure?: Error | Promise<Error>): true {
    if (!this.#ended) this.#failure = failure
    this.#ended = true
    this.#wake?.()
    return true
  }
}
