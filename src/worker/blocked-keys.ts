import type { Log } from '../core/service.ts'
import type { Consumer } from '../core/stream-log.ts'
import type { Lanes } from './lanes.ts'

/** How often keys are looked after whose first entry should be back, in ms. */
const CHECK_INTERVAL_MS = 1_000

/** Looks after keys whose first entry is parked in the log: asks for it, and finds out when it went elsewhere. */
export class BlockedKeys {
  readonly #consumer: Consumer
  readonly #lanes: Lanes
  readonly #log: Log
  readonly #onUnblocked: () => void
  readonly #timer: NodeJS.Timeout
  #isChecking = false

  constructor(consumer: Consumer, lanes: Lanes, log: Log, onUnblocked: () => void) {
    this.#consumer = consumer
    this.#lanes = lanes
    this.#log = log
    this.#onUnblocked = onUnblocked
    this.#timer = setInterval(() => void this.#check(), CHECK_INTERVAL_MS)
  }

  /** They come by themselves a little later, so a recall that fails loses nothing but time. */
  recall(positions: readonly string[]): void {
    this.#consumer.expedite(positions).catch((error: unknown) => {
      this.#log.debug({ error }, 'parked entries could not be recalled')
    })
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #check(): Promise<void> {
    const overdue = this.#isChecking ? [] : this.#lanes.overdue()
    if (overdue.length === 0) return
    this.#isChecking = true
    try {
      this.#lanes.checked(overdue, new Set(await this.#consumer.waiting(overdue)))
      this.#onUnblocked()
    } catch (error) {
      this.#log.debug({ error }, 'whether parked entries still wait could not be found out')
    } finally {
      this.#isChecking = false
    }
  }
}
