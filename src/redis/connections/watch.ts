/** How often is asked who the masters are: a failover is noticed within this time, whatever becomes of the old master. */
const INTERVAL_MS = 250

/** Asks again and again, one question at a time, without keeping the process alive. */
export class Watch {
  readonly #look: () => Promise<unknown>
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  /** @param look asks, and acts on what it learns; what it throws is asked again */
  constructor(look: () => Promise<unknown>) {
    this.#look = look
    this.#schedule()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      void this.#look()
        .catch(() => {})
        .then(() => {
          if (!this.#stopped) this.#schedule()
        })
    }, INTERVAL_MS).unref()
  }
}
