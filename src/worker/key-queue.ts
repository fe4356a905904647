import { comparePositions } from '../core/position.ts'
import type { Job } from './job.ts'

/** An entry in the queue of its key: here, or parked in the log, where `job` is undefined. */
interface Item {
  readonly position: string
  job: Job | undefined
}

/**
 * The entries of one key that this process knows, oldest first. Those at the front may be started, which `active`
 * counts; all others wait, here or in the log.
 */
export class KeyQueue {
  readonly #items: Item[] = []
  /** When the first one should be back, where it is parked; on the clock of `performance.now`. */
  dueAt = 0
  /** How many of its entries were last counted as waiting here behind a parked one. */
  behindParked = 0
  #active = 0
  #parked = 0

  get isEmpty(): boolean {
    return this.#items.length === 0
  }

  /** How many wait here behind the active ones. */
  get waiting(): number {
    return this.#items.length - this.#parked - this.#active
  }

  /** How many wait in the log. */
  get parked(): number {
    return this.#parked
  }

  /** How many from the front are ready or running. */
  get active(): number {
    return this.#active
  }

  /** The position of the first one where it is parked. */
  get parkedHead(): string | undefined {
    const [first] = this.#items
    return first && !first.job ? first.position : undefined
  }

  /** The one behind the active ones, where it is here. */
  get next(): Job | undefined {
    return this.#items[this.#active]?.job
  }

  /** Takes in a job, in the place that it had while it was parked, or in that of its position. */
  add(job: Job): void {
    const { position } = job.entry
    const parked = this.#findParked(position)
    if (parked) {
      parked.job = job
      this.#parked--
    } else this.#insert({ position, job })
  }

  /** Knows of an entry that waits in the log. What is here of it and was lost is on its way out, and says nothing. */
  addParked(position: string): void {
    if (this.#items.some((item) => item.position === position && !item.job?.lost)) return
    this.#insert({ position, job: undefined })
    this.#parked++
  }

  /** Lets the next one start. */
  activate(): Job | undefined {
    const job = this.next
    if (job) this.#active++
    return job
  }

  /** It ended for good, or belongs to others. */
  remove(job: Job): void {
    const index = this.#items.findIndex((item) => item.job === job)
    if (index < 0) return
    this.#items.splice(index, 1)
    if (index < this.#active) this.#active--
  }

  /** What was parked first is not in the log any more. */
  removeHead(): void {
    this.#items.shift()
    this.#parked--
  }

  /**
   * It went back to the log, and what is behind it has to wait: no more than `most` of it here. The rest is answered,
   * oldest first, and with it whatever a batch has taken already.
   */
  park(job: Job, most: number): Job[] {
    const index = this.#items.findIndex((item) => item.job === job)
    if (index < 0) return []
    const taken: Job[] = []
    for (let at = index; at === index || at < this.#active; at++) {
      const item = this.#items[at]!
      if (item.job && item.job !== job) taken.push(item.job)
      if (item.job) this.#parked++
      item.job = undefined
    }
    this.#active = Math.min(this.#active, index)
    return [...taken, ...this.parkUntil(most)]
  }

  /** Parks the youngest that are here until no more than `most` wait; answers them, oldest first. */
  parkUntil(most: number): Job[] {
    const jobs: Job[] = []
    for (let at = this.#items.length - 1; this.waiting > most; at--) {
      const item = this.#items[at]!
      if (!item.job) continue
      jobs.push(item.job)
      item.job = undefined
      this.#parked++
    }
    return jobs.toReversed()
  }

  /** Those at the front that are parked, at most `limit`. */
  parkedFirst(limit: number): string[] {
    const positions: string[] = []
    for (const { position, job } of this.#items) {
      if (job || positions.length === limit) break
      positions.push(position)
    }
    return positions
  }

  #findParked(position: string): Item | undefined {
    const last = this.#items.at(-1)
    if (this.#parked === 0 || isBefore(last!.position, position)) return undefined
    return this.#items.find((item) => !item.job && item.position === position)
  }

  #insert(item: Item): void {
    let index = this.#items.length
    while (index > this.#active && isBefore(item.position, this.#items[index - 1]!.position)) index--
    this.#items.splice(index, 0, item)
  }
}

/** Copies of older entries stand where they came: their positions are none of the stream. */
const isBefore = (position: string, other: string): boolean =>
  !position.includes('/') && !other.includes('/') && comparePositions(position, other) < 0
