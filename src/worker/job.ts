import type { Delivery } from '../core/delivery.ts'
import type { Event } from '../core/event.ts'
import type { Claim, Outcome } from '../core/stream-log.ts'

/** A claim on its way through the worker; what the handler sees of it is a Delivery. */
export class Job implements Delivery {
  readonly event: Event
  readonly stream: string
  readonly claim: Claim
  /** It is no longer ours: whatever comes of it, nothing is settled. */
  lost = false
  /** How it ended, when that is on its way to the log. */
  ending: Outcome['kind'] | undefined
  #controller: AbortController | undefined
  #abortReason: Error | undefined

  constructor(stream: string, claim: Claim, event: Event) {
    this.stream = stream
    this.claim = claim
    this.event = event
  }

  get position(): string {
    return this.claim.position
  }

  get attempt(): number {
    return this.claim.attempt
  }

  /** Made on first use: a controller for every delivery would cost half the speed. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#abortReason) this.#controller.abort(this.#abortReason)
    return this.#controller.signal
  }

  abort(reason: Error): void {
    this.#abortReason ??= reason
    this.#controller?.abort(reason)
  }
}
