import type { Clock } from './clock.ts'

interface Sleeper {
  until: number
  wake(): void
}

/** A clock that tests move. What waits by it is woken in the order of time, each time after all have come to rest. */
export class FakeClock {
  #now: number
  readonly #sleepers = new Set<Sleeper>()
  #atRest: (() => void) | undefined
  #running = 0

  constructor(now: string) {
    this.#now = Date.parse(now)
  }

  /** For one service, which must be started; its clock is so many ms ahead of this one. */
  view(skewMs = 0): Clock {
    this.#running++
    return {
      now: () => this.#now + skewMs,
      wait: (ms, signal) =>
        new Promise((resolve) => {
          const wake = () => {
            this.#sleepers.delete(sleeper)
            signal.removeEventListener('abort', leave)
            resolve()
          }
          const leave = () => {
            this.#running--
            wake()
          }
          const sleeper = { until: this.#now + Math.max(ms, 0), wake }
          signal.addEventListener('abort', leave, { once: true })
          this.#sleepers.add(sleeper)
          this.#tellRest()
        }),
    }
  }

  /** Moves to a time and comes to rest there. */
  async advanceTo(time: string): Promise<void> {
    await this.advance(Date.parse(time) - this.#now)
  }

  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await this.#rest()
    while (this.#now < end) {
      const untils = [...this.#sleepers].map(({ until }) => until)
      this.#now = Math.max(this.#now, Math.min(end, ...untils))
      for (const sleeper of this.#sleepers) if (sleeper.until <= this.#now) sleeper.wake()
      await this.#rest()
    }
  }

  /** Is set, as by an administrator: whoever sleeps sleeps on for as long as was left. */
  set(now: string): void {
    const step = Date.parse(now) - this.#now
    this.#now += step
    for (const sleeper of this.#sleepers) sleeper.until += step
  }

  async #rest(): Promise<void> {
    while (this.#sleepers.size < this.#running) await new Promise<void>((resolve) => (this.#atRest = resolve))
  }

  #tellRest(): void {
    if (this.#sleepers.size >= this.#running) this.#atRest?.()
  }
}
