import { correlationOf } from '../core/correlation.ts'
import { Postpone } from '../core/delivery.ts'
import { errorName, toError } from '../core/errors.ts'
import type { Event } from '../core/event.ts'
import type { Claim, Consumer, Outcome } from '../core/stream-log.ts'
import type { AuditReporter } from './audit-reporter.ts'
import { outcomeOfFailure } from './ending.ts'
import type { Job } from './job.ts'
import { Settler } from './settler.ts'
import type { ResolvedOptions } from './worker-options.ts'

const MIN_POSTPONE_MS = 10

/** How many kinds of failure are told apart; names come from whoever wrote the handler. */
const MAX_FAILURE_NAMES = 50
const MAX_FAILURE_NAME_LENGTH = 100

export interface Counters {
  processed: number
  failed: number
  /** What failed, by the code or class of the error; beyond 50 of them `other`. */
  failures: ReadonlyMap<string, number>
  /** Came once more: for a retry, or from a consumer that died. */
  redeliveries: number
  deadLettered: number
  /** Went to another consumer while we worked on them. */
  lost: number
  /** Needed no run: processed before, or of an identity that was. */
  duplicates: number
}

export const noCounts = () => ({
  processed: 0,
  failed: 0,
  failures: new Map<string, number>(),
  redeliveries: 0,
  deadLettered: 0,
  lost: 0,
  duplicates: 0,
})

/** How claims end: counted, logged, told to the audit trail, and settled. */
export class Settlements {
  readonly counters = noCounts()
  readonly #options: ResolvedOptions
  readonly #audit: AuditReporter | undefined
  readonly #settler: Settler
  /** Apart, since they write something: where that is impossible for a while, nothing else waits for it. */
  readonly #burials: Settler
  readonly #productions: Settler

  constructor(
    consumer: Consumer,
    options: ResolvedOptions,
    audit: AuditReporter | undefined,
    onSettled: (positions: readonly string[]) => void,
  ) {
    this.#options = options
    this.#audit = audit
    const settling = {
      consumer,
      audit: options.audit?.trail,
      log: options.log,
      onSettled: (positions: readonly string[], lost: readonly string[]) => {
        this.counters.lost += lost.length
        onSettled(positions)
      },
    }
    this.#settler = new Settler(settling)
    this.#burials = new Settler(settling)
    // What comes of the events of one key is in their order.
    this.#productions = new Settler({ ...settling, batchesUnderWay: 1 })
  }

  /**
   * Needs no run. The audit trail is told all the same: whoever ran it may have died before that.
   *
   * @param event absent where the entry could not be decoded
   */
  skip(claim: Claim, event: Event | undefined): void {
    this.counters.duplicates++
    const outcome: Outcome = { kind: 'acknowledge', position: claim.position }
    const fact = this.#audit?.factOf(outcome, claim, event)
    this.#settler.push(fact ? { outcome, fact } : { outcome })
  }

  /** Gives it back, with `attempts` starts that count. */
  release({ position }: Claim, attempts: number, delayMs = 0): void {
    this.#settler.push({ outcome: { kind: 'release', position, attempts, delayMs } })
  }

  /** @param event absent where the entry could not be decoded */
  settle(claim: Claim, event: Event | undefined, outcome: Outcome): void {
    if (outcome.kind === 'acknowledge') this.counters.processed++
    if (outcome.kind === 'dead-letter') this.#countDeadLetter(claim, event, outcome)
    const fact = this.#audit?.factOf(outcome, claim, event)
    this.#settlerOf(outcome).push(fact ? { outcome, fact } : { outcome })
  }

  /** What becomes of a start that failed; it is not settled yet. */
  failed(job: Job, thrown: unknown): Outcome {
    job.discardProduced()
    const { position } = job.entry
    if (thrown instanceof Postpone)
      return { kind: 'release', position, attempts: job.attempt - 1, delayMs: delayOf(thrown) }
    this.#countFailure(toError(thrown))
    const { retry, stream, group, log } = this.#options
    const outcome = outcomeOfFailure(job, thrown, retry.of(job.event.type))
    if (outcome.kind === 'retry') {
      const fields = { error: toError(thrown), stream, group, position, attempt: job.attempt }
      log.info(
        { ...fields, delayMs: outcome.delayMs, ...correlation(job.event) },
        'a handler failed and is retried',
      )
    }
    return outcome
  }

  /** Given back or acknowledged, as far as the log may not know it yet. */
  unsettled(): string[] {
    return this.#settler.unsettled()
  }

  /** These belong to others: nothing is given back of them. */
  lose(positions: readonly string[]): void {
    this.#settler.lose(positions)
  }

  /** Resolves when everything is settled. */
  async idle(): Promise<void> {
    await Promise.all([this.#settler.idle(), this.#burials.idle(), this.#productions.idle()])
  }

  /** Leaves what could not be settled to others. */
  close(): void {
    this.#settler.close()
    this.#burials.close()
    this.#productions.close()
  }

  #settlerOf(outcome: Outcome): Settler {
    if (outcome.kind === 'dead-letter') return this.#burials
    return outcome.kind === 'acknowledge' && outcome.produce ? this.#productions : this.#settler
  }

  #countFailure(error: Error): void {
    const { failures } = this.counters
    this.counters.failed++
    const name = errorName(error).slice(0, MAX_FAILURE_NAME_LENGTH)
    const counted = failures.has(name) || failures.size < MAX_FAILURE_NAMES ? name : 'other'
    failures.set(counted, (failures.get(counted) ?? 0) + 1)
  }

  #countDeadLetter(
    { position, attempt }: Claim,
    event: Event | undefined,
    { letter }: Outcome & { kind: 'dead-letter' },
  ): void {
    this.counters.deadLettered++
    const { stream, group, log } = this.#options
    const fields = { stream, group, position, attempt, ...letter, ...correlation(event) }
    log.error(fields, 'an entry goes to the dead letters')
  }
}

/** The handler has ended, and with it what it ran in. */
const correlation = (event: Event | undefined) => (event ? { correlationId: correlationOf(event) } : {})

/** Whatever was asked for, nothing comes back at once, again and again. */
const delayOf = ({ delayMs }: Postpone): number =>
  Number.isFinite(delayMs) ? Math.max(MIN_POSTPONE_MS, delayMs) : MIN_POSTPONE_MS
