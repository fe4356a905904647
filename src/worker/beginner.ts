import { setMaxListeners } from 'node:events'
import type { Claim, Consumer } from '../core/stream-log.ts'
import { pause } from '../core/pause.ts'

const RETRY_DELAY_MS = 200

/**
 * Writes down the starts of redelivered entries before they run, so that a crash is charged to what really ran.
 * Starts of one turn of the event loop travel together.
 */
export class Beginner {
  readonly #consumer: Consumer
  readonly #signal: AbortSignal
  #waiting: Claim[] = []
  #call: Promise<Set<string>> | undefined

  /** @param signal aborted when nothing should begin any more */
  constructor(consumer: Consumer, signal: AbortSignal) {
    this.#consumer = consumer
    this.#signal = signal
    setMaxListeners(0, signal) // every job that waits out an outage listens
  }

  /** Whether the entry is still ours and may run; waits out an outage of the log. */
  async begin(claim: Claim): Promise<boolean> {
    while (!this.#signal.aborted) {
      this.#waiting.push(claim)
      this.#call ??= this.#flush()
      try {
        return !(await this.#call).has(claim.position)
      } catch {
        await pause(RETRY_DELAY_MS, this.#signal)
      }
    }
    return false
  }

  async #flush(): Promise<Set<string>> {
    await new Promise((resolve) => setImmediate(resolve))
    this.#call = undefined
    return new Set(await this.#consumer.begin(this.#waiting.splice(0)))
  }
}
