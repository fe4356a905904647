/** Whether Redis heard of us lately: who was cut off can't tell the dead from those who were cut off as well. */
export class Hearing {
  readonly #deadAfterMs: number
  #heardAt = Date.now()
  #cutOff = false
  #judgesFrom = 0

  constructor(deadAfterMs: number) {
    this.#deadAfterMs = deadAfterMs
  }

  /** Whether we may say who is dead: others get the time to come back. */
  get mayJudge(): boolean {
    return Date.now() >= this.#judgesFrom
  }

  failed(): void {
    this.#cutOff = true
  }

  heard(): void {
    const now = Date.now()
    if (this.#cutOff && now - this.#heardAt > this.#deadAfterMs) this.#judgesFrom = now + this.#deadAfterMs
    this.#heardAt = now
    this.#cutOff = false
  }
}
