import type { AuditFact, AuditTrail } from '../core/audit.ts'
import type { Event } from '../core/event.ts'
import type { Log } from '../core/service.ts'
import type { Claim, Entry, Outcome } from '../core/stream-log.ts'
import type { Job } from './job.ts'

/** What runs for longer than this stands in the audit trail as pending; what ends sooner is written once. */
const PENDING_AFTER_MS = 100

/** Tells the audit trail what one consumer reads and how it ends. */
export class AuditReporter {
  readonly #trail: AuditTrail
  readonly #main: boolean
  readonly #who: { stream: string; group: string; consumer: string }
  readonly #log: Log
  /** Read, and neither ended nor reported yet, with the time of the reading. */
  readonly #fresh = new Map<string, { job: Job; since: number }>()
  #timer: NodeJS.Timeout | undefined
  #reporting: Promise<void> = Promise.resolve()

  constructor(
    audit: { trail: AuditTrail; main: boolean },
    who: { stream: string; group: string; consumer: string },
    log: Log,
  ) {
    this.#trail = audit.trail
    this.#main = audit.main
    this.#who = who
    this.#log = log
  }

  start(): void {
    this.#timer = setInterval(() => void this.#reportPending(), PENDING_AFTER_MS)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#reporting
  }

  read(jobs: readonly Job[]): void {
    const since = Date.now()
    for (const job of jobs) this.#fresh.set(job.entry.position, { job, since })
  }

  /** Which of these redelivered entries the group has processed before, so that they need no second run. */
  processedBefore(entries: readonly Entry[]): Promise<Set<string>> {
    return this.#trail.processedBefore(this.#who.stream, this.#who.group, entries)
  }

  /** The fact to write with an outcome, before the entry is settled; none for a retry, which leaves it pending. */
  factOf(outcome: Outcome, entry: Claim, event: Event | undefined): AuditFact | undefined {
    if (outcome.kind === 'acknowledge') {
      this.#fresh.delete(outcome.position)
      const fact = this.#fact(entry, event, 'processed')
      return outcome.produce ? { ...fact, producing: true } : fact
    }
    if (outcome.kind === 'dead-letter') {
      this.#fresh.delete(outcome.position)
      const { error, reason } = outcome.letter
      return { ...this.#fact(entry, event, 'failed'), error: `${error}: ${reason}` }
    }
    return undefined
  }

  /** Failing costs nothing but time: the same rows are written again when the entries end. */
  async #reportPending(): Promise<void> {
    const before = Date.now() - PENDING_AFTER_MS
    const facts: AuditFact[] = []
    for (const [position, { job, since }] of this.#fresh) {
      if (since > before) break
      this.#fresh.delete(position)
      facts.push(this.#fact(job.entry, job.event, 'pending'))
    }
    if (facts.length === 0) return
    this.#reporting = this.#trail.record(facts).catch((error: unknown) => {
      this.#log.warn({ error }, 'what was read could not be written to the audit trail yet')
    })
    await this.#reporting
  }

  #fact(entry: Claim, event: Event | undefined, state: AuditFact['state']): AuditFact {
    const fact: AuditFact = { ...this.#who, entry, state, main: this.#main }
    if (event) fact.event = event
    if (entry.copyOf) fact.copyOf = entry.copyOf.position
    return fact
  }
}
