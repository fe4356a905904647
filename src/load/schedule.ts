/**
 * When the requests of an open loop are due, whatever the target does: evenly at a rate, which grows evenly from 0
 * while it ramps up. Nothing is kept for a request that waits, since its time can be worked out from its number.
 */
export class Schedule {
  readonly #perMs: number
  readonly #rampUpMs: number

  constructor(ratePerSecond: number, rampUpMs = 0) {
    this.#perMs = ratePerSecond / 1_000
    this.#rampUpMs = rampUpMs
  }

  /** When the request of this index (from 0 on) is due, in ms after the start. */
  dueAt(index: number): number {
    const rampUp = this.#rampUpMs
    const inRampUp = (this.#perMs * rampUp) / 2
    return index < inRampUp ? Math.sqrt((2 * index * rampUp) / this.#perMs) : index / this.#perMs + rampUp / 2
  }

  /** How many are due before `ms` after the start. */
  dueBefore(ms: number): number {
    if (ms <= 0) return 0
    const rampUp = this.#rampUpMs
    const begun = ms < rampUp ? (this.#perMs * ms * ms) / (2 * rampUp) : this.#perMs * (ms - rampUp / 2)
    let count = Math.ceil(begun)
    // Both ways round differently.
    while (count > 0 && this.dueAt(count - 1) >= ms) count--
    while (this.dueAt(count) < ms) count++
    return count
  }
}
