import type { Log } from '../core/service.ts'
import type { Claim, Consumer } from '../core/stream-log.ts'
import type { Lanes } from './lanes.ts'

/** How often keys are looked after whose first entry should be back, in ms. */
const CHECK_INTERVAL_MS = 100

export interface BlockedKeysOptions {
  readonly consumer: Consumer
  readonly lanes: Lanes
  readonly log: Log
  /** Positions that may not be parked yet: that is under way, or has to be tried again. */
  unsettled(): readonly string[]
  onUnblocked(): void
}

/**
 * Looks after keys whose first entry is parked in the log: asks for it, and finds out when it went elsewhere. What is
 * not known to have gone is treated as waiting.
 */
export class BlockedKeys {
  readonly #consumer: Consumer
  readonly #lanes: Lanes
  readonly #log: Log
  readonly #unsettled: () => readonly string[]
  readonly #onUnblocked: () => void
  readonly #timer: NodeJS.Timeout
  /** Handed out to us again, and not in the lanes yet. */
  readonly #arriving = new Set<string>()
  #isChecking = false

  constructor({ consumer, lanes, log, unsettled, onUnblocked }: BlockedKeysOptions) {
    this.#consumer = consumer
    this.#lanes = lanes
    this.#log = log
    this.#unsettled = unsettled
    this.#onUnblocked = onUnblocked
    this.#timer = setInterval(() => void this.#check(), CHECK_INTERVAL_MS)
  }

  /** They come by themselves a little later, so a recall that fails loses nothing but time. */
  recall(positions: readonly string[]): void {
    this.#consumer.expedite(positions).catch((error: unknown) => {
      this.#log.debug({ error }, 'parked entries could not be recalled')
    })
  }

  /** These are on their way to the lanes: they do not wait in the log, and are not elsewhere either. */
  arriving(claims: readonly Claim[]): void {
    for (const { origin, position } of claims) if (origin !== 'new') this.#arriving.add(position)
  }

  arrived(claims: readonly Claim[]): void {
    if (this.#arriving.size > 0) for (const { position } of claims) this.#arriving.delete(position)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #check(): Promise<void> {
    const overdue = this.#isChecking ? [] : this.#lanes.overdue()
    if (overdue.length === 0) return
    this.#isChecking = true
    try {
      // What was not parked yet when the log answered may be settled when we hear it.
      const unsettled = this.#unsettled()
      const waiting = await this.#consumer.waiting(overdue)
      // What was handed out to us before we asked is here by now: its answer came first, but may be handled later.
      await new Promise((resolve) => setImmediate(resolve))
      const ours = [...unsettled, ...this.#unsettled(), ...this.#arriving]
      this.#lanes.checked(overdue, new Set([...waiting, ...ours]))
      this.#onUnblocked()
    } catch (error) {
      this.#log.debug({ error }, 'whether parked entries still wait could not be found out')
    } finally {
      this.#isChecking = false
    }
  }
}
