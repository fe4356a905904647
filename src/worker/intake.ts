import { namedFields } from '../core/codec.ts'
import type { Claim, Consumer, Reservation } from '../core/stream-log.ts'
import { pause } from '../core/pause.ts'
import type { AuditReporter } from './audit-reporter.ts'
import type { ResolvedOptions } from './worker-options.ts'

const RETRY_DELAY_MS = 1_000

/** What is known of claims before any of them runs. */
export interface Screening {
  /** Positions that need no run: their effect was committed, or another entry of the same identity was acknowledged. */
  readonly done: ReadonlySet<string>
  /** Positions that have to wait, since another entry of the same identity is under way. */
  readonly held: ReadonlySet<string>
}

const NOTHING: ReadonlySet<string> = new Set()
const ALL_RUN: Screening = { done: NOTHING, held: NOTHING }

/** Finds out, before they run, which claims must not run. Asks until it gets an answer: a guess would take an effect twice. */
export class Intake {
  readonly #consumer: Consumer
  readonly #options: ResolvedOptions
  readonly #audit: AuditReporter | undefined
  readonly #stopping: AbortSignal

  constructor(
    consumer: Consumer,
    options: ResolvedOptions,
    audit: AuditReporter | undefined,
    stopping: AbortSignal,
  ) {
    this.#consumer = consumer
    this.#options = options
    this.#audit = audit
    this.#stopping = stopping
  }

  async screen(claims: readonly Claim[]): Promise<Screening> {
    const processed = await this.#processedBefore(claims)
    if (!this.#options.deduplicate) return processed.size === 0 ? ALL_RUN : { done: processed, held: NOTHING }
    const done = new Set(processed)
    const held = new Set<string>()
    for (const [position, verdict] of await this.#reserve(
      claims.filter((claim) => !done.has(claim.position)),
    )) {
      if (verdict === 'duplicate') done.add(position)
      else if (verdict === 'wait') held.add(position)
    }
    return { done, held }
  }

  async #processedBefore(claims: readonly Claim[]): Promise<ReadonlySet<string>> {
    const audit = this.#audit
    const redelivered = audit
      ? claims.filter(({ origin }) => origin === 'retry' || origin === 'abandoned')
      : []
    if (!audit || redelivered.length === 0) return NOTHING
    const answer = await this.#ask('the inbox', () => audit.processedBefore(redelivered))
    return answer ?? NOTHING
  }

  async #reserve(claims: readonly Claim[]): Promise<[position: string, verdict: string][]> {
    const reservations: Reservation[] = []
    for (const claim of claims) {
      const identity = identityOf(this.#options.stream, claim)
      if (identity !== undefined) reservations.push({ position: claim.position, identity })
    }
    if (reservations.length === 0) return []
    const { ttlMs } = this.#options.deduplicate!
    const verdicts = await this.#ask('the log', () => this.#consumer.reserve(reservations, ttlMs))
    return (verdicts ?? []).map((verdict, index) => [reservations[index]!.position, verdict])
  }

  /** Undefined when the worker stops: then nothing runs anyway. */
  async #ask<Answer>(whom: string, question: () => Promise<Answer>): Promise<Answer | undefined> {
    while (!this.#stopping.aborted) {
      try {
        return await question()
      } catch (error) {
        this.#options.log.warn({ error }, `${whom} does not answer; what it is asked about waits for it`)
        await pause(RETRY_DELAY_MS, this.#stopping)
      }
    }
    return undefined
  }
}

/**
 * By which an event is the same as another: its source and id, where it has an id of its own. A copy that was redriven or
 * replayed has none, since it is meant to run again.
 */
export function identityOf(stream: string, { fields, copyOf }: Claim): string | undefined {
  if (copyOf || fields.length <= 4) return undefined
  const named = namedFields(fields)
  const id = named.get('id')
  return id === undefined ? undefined : `${named.get('source') ?? stream} ${id}`
}
