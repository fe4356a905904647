import { backoffMs } from '../core/backoff.ts'
import type { AuditFact, AuditTrail } from '../core/audit.ts'
import { toError } from '../core/errors.ts'
import type { Log } from '../core/service.ts'
import type { Consumer, Outcome } from '../core/stream-log.ts'

/** How a claim ended, and what the audit trail should know of it. */
export interface Settlement {
  outcome: Outcome
  fact?: AuditFact
  /** Not to be sent any more. */
  dropped?: boolean
}

/** Two, so that the database and Redis work at the same time. */
const DEFAULT_BATCHES_UNDER_WAY = 2
const MAX_BATCH = 1_000
const MAX_RETRY_DELAY_MS = 1_000

/**
 * Settles claims in batches: what ends in one turn of the event loop, or while batches are under way, travels
 * together. The audit trail comes first, and an entry is acknowledged only when its row is durable. What fails is
 * tried again until it succeeds or the settler is closed: nothing else drops an outcome.
 */
export class Settler {
  readonly #consumer: Consumer
  readonly #audit: AuditTrail | undefined
  readonly #log: Log
  readonly #batchesUnderWay: number
  readonly #onSettled: (positions: readonly string[], lost: readonly string[]) => void
  #waiting: Settlement[] = []
  readonly #underWay = new Set<readonly Settlement[]>()
  #scheduled = false
  #retry: NodeJS.Timeout | undefined
  #closed = false
  #failures = 0
  #idleWaiters: (() => void)[] = []

  constructor(options: {
    consumer: Consumer
    audit: AuditTrail | undefined
    log: Log
    /** One keeps the order of what is settled, also where a batch has to be sent again. */
    batchesUnderWay?: number
    onSettled(positions: readonly string[], lost: readonly string[]): void
  }) {
    this.#consumer = options.consumer
    this.#audit = options.audit
    this.#log = options.log
    this.#batchesUnderWay = options.batchesUnderWay ?? DEFAULT_BATCHES_UNDER_WAY
    this.#onSettled = options.onSettled
  }

  push(settlement: Settlement): void {
    if (this.#closed) return
    this.#waiting.push(settlement)
    this.#schedule()
  }

  /** Positions of which the log may not know yet how they ended. */
  unsettled(): string[] {
    return [...this.#underWay, this.#waiting].flatMap((batch) => batch.map(({ outcome }) => outcome.position))
  }

  /**
   * These belong to others now, and perhaps to ourselves again soon: given back late, they would be taken from whoever
   * runs them then. That one came to its end is told all the same, which may spare a second run.
   */
  lose(positions: readonly string[]): void {
    const lost = new Set(positions)
    for (const batch of [...this.#underWay, this.#waiting])
      for (const settlement of batch) {
        const { kind, position } = settlement.outcome
        if (lost.has(position) && (kind === 'retry' || kind === 'release')) settlement.dropped = true
      }
  }

  /** Resolves when everything is settled. */
  async idle(): Promise<void> {
    if (this.#waiting.length === 0 && this.#underWay.size === 0) return
    await new Promise<void>((resolve) => this.#idleWaiters.push(resolve))
  }

  /** Nothing is sent any more; what is not settled goes to whoever takes over. */
  close(): void {
    this.#closed = true
    this.#waiting = []
    clearTimeout(this.#retry)
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0 || this.#underWay.size >= this.#batchesUnderWay) return
    this.#scheduled = true
    const flush = () => {
      this.#scheduled = false
      void this.#flush(this.#waiting.splice(0, MAX_BATCH).filter(({ dropped }) => !dropped))
    }
    if (this.#failures === 0) setImmediate(flush)
    else this.#retry = setTimeout(flush, backoffMs(50, this.#failures, MAX_RETRY_DELAY_MS))
  }

  async #flush(batch: readonly Settlement[]): Promise<void> {
    this.#underWay.add(batch)
    try {
      await this.#record(batch)
      const lost = await this.#consumer.settle(batch.map(({ outcome }) => outcome))
      this.#failures = 0
      this.#onSettled(
        batch.map(({ outcome }) => outcome.position),
        lost,
      )
    } catch (error) {
      if (!this.#closed) this.#waiting.unshift(...batch)
      if (this.#failures++ % 30 === 0) {
        this.#log.warn(
          { error, entries: this.#waiting.length },
          `settling failed, trying on: ${toError(error).message}`,
        )
      }
    }
    this.#underWay.delete(batch)
    this.#schedule()
    if (this.#waiting.length === 0 && this.#underWay.size === 0)
      for (const wake of this.#idleWaiters.splice(0)) wake()
  }

  async #record(batch: readonly Settlement[]): Promise<void> {
    if (!this.#audit) return
    const facts: AuditFact[] = []
    for (const { fact } of batch) if (fact) facts.push(fact)
    if (facts.length > 0) await this.#audit.record(facts)
  }
}
