import type { RateLimit } from '../core/stream-log.ts'

/** Under which terms a member of a group is handed entries; see `Membership`. */
export interface Terms {
  minIdleMs: number
  deadAfterMs: number
  exclusive?: boolean | undefined
  rateLimit?: RateLimit | undefined
}

/** What stands between a group and its entries: the lease of an exclusive group, and its rate. */
export class MemoryGate {
  #holder = ''
  #heldUntil = 0
  /** When each entry of the last window was handed out. */
  readonly #handedOut: number[] = []

  /** Takes or renews the lease; says whether it is the consumer's, and whether it is so anew. */
  takeLease(consumer: string, { exclusive, deadAfterMs }: Terms): 'held' | 'taken' | 'elsewhere' {
    if (!exclusive) return 'held'
    const free = this.#heldUntil <= Date.now()
    if (!free && this.#holder !== consumer) return 'elsewhere'
    this.#holder = consumer
    this.#heldUntil = Date.now() + deadAfterMs
    return free ? 'taken' : 'held'
  }

  /** Renews the lease of who holds it, and never takes it; false when it is lost. */
  renewLease(consumer: string, terms: Terms): boolean {
    if (!this.holdsLease(consumer, terms)) return false
    this.#heldUntil = Date.now() + terms.deadAfterMs
    return true
  }

  holdsLease(consumer: string, { exclusive }: Terms): boolean {
    return !exclusive || (this.#holder === consumer && this.#heldUntil > Date.now())
  }

  releaseLease(consumer: string): void {
    if (this.#holder === consumer) this.#heldUntil = 0
  }

  /** How many entries may be handed out now. */
  room(limit: number, { rateLimit }: Terms): number {
    if (!rateLimit) return limit
    const { count, perMs } = rateLimit
    while (this.#handedOut.length > 0 && this.#handedOut[0]! <= Date.now() - perMs) this.#handedOut.shift()
    return Math.max(0, Math.min(limit, count - this.#handedOut.length))
  }

  handedOut(count: number, { rateLimit }: Terms): void {
    if (rateLimit) for (let n = 0; n < count; n++) this.#handedOut.push(Date.now())
  }

  /** When it may open; 0 while it is open. */
  opensAt(consumer: string, terms: Terms): number {
    if (terms.exclusive && this.#holder !== consumer && this.#heldUntil > Date.now()) return this.#heldUntil
    return this.room(1, terms) > 0 ? 0 : this.#handedOut[0]! + terms.rateLimit!.perMs
  }
}
