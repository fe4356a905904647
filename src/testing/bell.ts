import { LONGEST_TIMER_MS } from '../core/require-counts.ts'

/** Wakes whoever waits for something to change. */
export class Bell {
  readonly #waiting = new Set<() => void>()

  ring(): void {
    for (const wake of this.#waiting) wake()
  }

  /** Resolves at the next ring, after `ms`, or when the signal is aborted; leaves no timer and no listener behind. */
  wait(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', wake)
        this.#waiting.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, Math.min(ms, LONGEST_TIMER_MS))
      signal?.addEventListener('abort', wake)
      this.#waiting.add(wake)
    })
  }
}
