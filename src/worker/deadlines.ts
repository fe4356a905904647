interface Running {
  readonly endsAt: number
  expire(): void
}

/** Ends what runs for longer than it may. One timer for all: as many as there are handlers would cost more than they. */
export class Deadlines {
  readonly #limitMs: number
  /** In the order of their ends, since all have the same time. */
  readonly #running = new Set<Running>()
  #timer: NodeJS.Timeout | undefined

  /** @param limitMs may be Infinity */
  constructor(limitMs: number) {
    this.#limitMs = limitMs
  }

  /** Settles as `work` does, or rejects with what `expire` answers when the time is over; `work` itself can't be stopped. */
  limit(work: Promise<void>, expire: () => Error): Promise<void> {
    if (this.#limitMs === Infinity) return work
    return new Promise((resolve, reject) => {
      const running = { endsAt: performance.now() + this.#limitMs, expire: () => reject(expire()) }
      this.#running.add(running)
      this.#timer ??= setTimeout(() => this.#check(), this.#limitMs)
      const settle = (end: () => void) => {
        this.#running.delete(running)
        end()
      }
      work.then(
        () => settle(resolve),
        (error) => settle(() => reject(error)),
      )
    })
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#running.clear()
  }

  #check(): void {
    this.#timer = undefined
    const now = performance.now()
    for (const running of this.#running) {
      if (running.endsAt > now) {
        this.#timer = setTimeout(() => this.#check(), Math.ceil(running.endsAt - now))
        return
      }
      this.#running.delete(running)
      running.expire()
    }
  }
}
