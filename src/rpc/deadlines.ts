import { LONGEST_TIMER_MS } from '../core/require-counts.ts'

/** Times are kept to so many ms: what is a little late costs nobody anything, and a timer each would. */
const STEP_MS = 10
/** When something is over, as {@link Deadlines} counts; to be handed back when it is no more of interest. */
export type Step = number

/**
 * Ends things in time, many of them by one timer. All that end within the same few ms end together, never too early; a
 * timer is set for the earliest, and what is added behind it or taken out sets none.
 */
export class Deadlines<T> {
  readonly #onOver: (over: T[]) => void
  readonly #steps = new Map<Step, Set<T>>()
  #timer: NodeJS.Timeout | undefined
  #next: Step = Infinity

  /** @param onOver told what is over, and is not in here any more */
  constructor(onOver: (over: T[]) => void) {
    this.#onOver = onOver
  }

  add(item: T, ms: number): Step {
    const step = Math.ceil((performance.now() + ms) / STEP_MS)
    const items = this.#steps.get(step)
    if (items) items.add(item)
    else this.#steps.set(step, new Set([item]))
    if (step < this.#next) this.#wakeAt(step)
    return step
  }

  delete(item: T, step: Step): void {
    const items = this.#steps.get(step)
    if (items?.delete(item) && items.size === 0) this.#steps.delete(step)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#steps.clear()
    this.#next = Infinity
  }

  #wakeAt(step: Step): void {
    clearTimeout(this.#timer)
    this.#next = step
    const ms = Math.max(1, Math.min(step * STEP_MS - performance.now(), LONGEST_TIMER_MS))
    this.#timer = setTimeout(() => this.#wake(), ms)
    // Whoever waits has a connection open; what is left of an answered request must not keep a process alive.
    this.#timer.unref()
  }

  #wake(): void {
    const now = Math.floor(performance.now() / STEP_MS)
    const over: T[] = []
    this.#next = Infinity
    let next: Step = Infinity
    for (const [step, items] of this.#steps) {
      if (step > now) next = Math.min(next, step)
      else {
        over.push(...items)
        this.#steps.delete(step)
      }
    }
    if (next < Infinity) this.#wakeAt(next)
    if (over.length > 0) this.#onOver(over)
  }
}
