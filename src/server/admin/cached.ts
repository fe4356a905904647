/**
 * What `look` answers, asked for once for all who want it at about the same time. Younger than what they want it is
 * answered at once; while a look is under way, all wait for that one.
 */
export class Cached<T> {
  readonly #look: (before: T | undefined) => Promise<T>
  #last: { value: T; at: number } | undefined
  #looking: Promise<T> | undefined

  /** @param look gets what it answered before, to keep of it what is the same */
  constructor(look: (before: T | undefined) => Promise<T>) {
    this.#look = look
  }

  /** @param maxAgeMs how old it may be */
  async get(maxAgeMs: number): Promise<T> {
    const last = this.#last
    if (last && performance.now() - last.at < maxAgeMs) return last.value
    return this.#looking ?? this.#start()
  }

  /** Something was changed: whoever asks next sees it. */
  forget(): void {
    if (this.#last) this.#last = { ...this.#last, at: -Infinity }
    // What a look under way answers may be from before the change.
    this.#looking = undefined
  }

  #start(): Promise<T> {
    const at = performance.now()
    const looking = this.#look(this.#last?.value)
      .then((value) => {
        if (this.#looking === looking) this.#last = { value, at }
        return value
      })
      .finally(() => {
        if (this.#looking === looking) this.#looking = undefined
      })
    this.#looking = looking
    return looking
  }
}
