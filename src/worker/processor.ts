import { decodeEntry } from '../core/codec.ts'
import { MillraceError, toError } from '../core/errors.ts'
import type { Event } from '../core/event.ts'
import type { Claim, Consumer, Outcome } from '../core/stream-log.ts'
import { AuditReporter } from './audit-reporter.ts'
import { Beginner } from './beginner.ts'
import { deadLetter, outcomeOfFailure } from './ending.ts'
import { Job } from './job.ts'
import { Lanes } from './lanes.ts'
import { pause } from '../core/pause.ts'
import { Settler } from './settler.ts'
import type { ResolvedOptions } from './worker-options.ts'

/** What died with its process twice runs alone from now on; with few attempts, what died once. */
const SUSPECT_FROM_ATTEMPT = 3

const INBOX_RETRY_DELAY_MS = 1_000
const NONE: Set<string> = new Set()

export interface Counters {
  processed: number
  failed: number
  deadLettered: number
  /** Went to another consumer while we worked on them. */
  lost: number
}

/** Takes claims through decoding, lanes and handler to their settlement. */
export class Processor {
  readonly counters: Counters = { processed: 0, failed: 0, deadLettered: 0, lost: 0 }
  readonly #options: ResolvedOptions
  readonly #jobs = new Map<string, Job>()
  readonly #lanes: Lanes
  readonly #settler: Settler
  /** Dead letters apart: where they can't be written, nothing else waits for them. */
  readonly #burials: Settler
  readonly #beginner: Beginner
  readonly #audit: AuditReporter | undefined
  readonly #stopping: AbortSignal
  readonly #onSettled: (count: number) => void
  #arriving = 0
  #emptyWaiters: (() => void)[] = []

  /** @param stopping aborted when nothing should start any more */
  constructor(
    consumer: Consumer,
    options: ResolvedOptions,
    stopping: AbortSignal,
    onSettled: (count: number) => void,
  ) {
    const { stream, group, audit, log, concurrency } = options
    this.#options = options
    this.#stopping = stopping
    this.#onSettled = onSettled
    this.#audit = audit && new AuditReporter(audit, { stream, group, consumer: options.consumer }, log)
    this.#audit?.start()
    this.#beginner = new Beginner(consumer, stopping)
    const settling = {
      consumer,
      audit: audit?.trail,
      log,
      onSettled: (positions: readonly string[], lost: readonly string[]) => this.#settled(positions, lost),
    }
    this.#settler = new Settler(settling)
    this.#burials = new Settler(settling)
    this.#lanes = new Lanes({
      concurrency,
      run: (job) => this.#run(job),
      isSuspect: ({ claim: { origin, attempt } }) =>
        origin === 'abandoned' &&
        (attempt >= SUSPECT_FROM_ATTEMPT || options.retry.attempts < SUSPECT_FROM_ATTEMPT),
    })
  }

  /** Entries in hand, running and waiting. */
  get held(): number {
    return this.#jobs.size + this.#arriving
  }

  /**
   * Takes claims over, in the order of the calls. They run two turns later: whoever awaits this asks for the next claim
   * in this turn, the client writes it at the end of it, and so Redis reads while these run.
   */
  async accept(claims: readonly Claim[]): Promise<void> {
    const finished = await this.#finishedBefore(claims)
    this.#arriving += claims.length
    const admit = () => {
      this.#arriving -= claims.length
      this.#admitAll(claims, finished)
    }
    setImmediate(() => setImmediate(admit))
  }

  #admitAll(claims: readonly Claim[], finished: ReadonlySet<string>): void {
    const jobs: Job[] = []
    for (const claim of claims) {
      if (finished.has(claim.position)) {
        this.#settler.push({ outcome: { kind: 'acknowledge', position: claim.position } })
        continue
      }
      const job = this.#admit(claim)
      if (job) jobs.push(job)
    }
    this.#audit?.read(jobs)
    for (const job of jobs) this.#lanes.add(job)
    this.#lanes.pump()
  }

  /** These entries belong to others now: their handlers should stop, and nothing comes of them here. */
  lose(positions: readonly string[]): void {
    for (const position of positions) {
      const job = this.#jobs.get(position)
      if (!job) continue
      this.counters.lost++
      this.#disown(job, new MillraceError('CLOSED', 'the entry went to another consumer'))
    }
    this.#checkEmpty()
  }

  /** Hands back what waits, and resolves when what runs has ended and is settled. */
  async finish(): Promise<void> {
    while (this.#arriving > 0) await turn()
    this.#giveBackWaiting()
    if (this.#jobs.size > 0) await new Promise<void>((resolve) => this.#emptyWaiters.push(resolve))
    await Promise.all([this.#settler.idle(), this.#burials.idle()])
  }

  /** Aborts what still runs and hands it back; its start counts. */
  abandon(): void {
    this.#giveBackWaiting()
    for (const job of this.#jobs.values()) {
      if (job.ending) continue
      this.#giveBack(job, job.attempt)
      job.lost = true
      job.abort(new MillraceError('CLOSED', 'the worker stops and the handler took too long'))
    }
  }

  /** Leaves what could not be settled to others; nothing is left running. */
  async close(): Promise<void> {
    this.#settler.close()
    this.#burials.close()
    await this.#audit?.stop()
  }

  /** Asks until it gets an answer: without one, a redelivered entry would take its effect twice. */
  async #finishedBefore(claims: readonly Claim[]): Promise<Set<string>> {
    const redelivered = this.#audit ? claims.filter(({ origin }) => origin !== 'new') : []
    while (this.#audit && redelivered.length > 0 && !this.#stopping.aborted) {
      try {
        return await this.#audit.processedBefore(redelivered)
      } catch (error) {
        this.#options.log.warn({ error }, 'the inbox does not answer; redelivered entries wait for it')
        await pause(INBOX_RETRY_DELAY_MS, this.#stopping)
      }
    }
    return NONE
  }

  /** A job for the claim, or undefined where there is nothing to run. */
  #admit(claim: Claim): Job | undefined {
    const { position, attempt } = claim
    const known = this.#jobs.get(position)
    if (known) return this.#decline(claim, known)
    let event: Event
    try {
      event = decodeEntry(this.#options.stream, claim)
    } catch (error) {
      this.#bury(claim, undefined, deadLetter(position, attempt - 1, toError(error)))
      return undefined
    }
    const job = new Job(this.#options.stream, claim, event)
    this.#jobs.set(position, job)
    if (attempt <= this.#maxAttempt(claim)) return job
    const reason = `none of its ${attempt - 1} starts came to an end`
    job.ending = 'dead-letter'
    this.#bury(claim, event, deadLetter(position, attempt - 1, new MillraceError('HANDLER_DIED', reason)))
    return undefined
  }

  /** That it was handed out is no proof of a start: whatever the policy, it runs once where that is known. */
  #maxAttempt({ origin }: Claim): number {
    const { attempts } = this.#options.retry
    return origin === 'abandoned' ? Math.max(attempts, 2) : attempts
  }

  /**
   * A claim of what is here already. What runs, or was acknowledged or buried, is ours as before (a group that was
   * healed hands it out again), and its end settles this claim too. What was parked may be back before we heard that
   * it was parked; then nothing else would settle this claim.
   */
  #decline({ position, attempt }: Claim, { ending }: Job): undefined {
    if (ending !== 'retry' && ending !== 'release') return
    this.#settler.push({ outcome: { kind: 'release', position, attempts: attempt - 1 } })
  }

  async #run(job: Job): Promise<void> {
    if (job.lost) return
    const isOurs = job.claim.origin === 'new' || (await this.#beginner.begin(job.claim))
    if (job.lost) return
    if (this.#stopping.aborted) return this.#giveBack(job, job.attempt - 1)
    if (!isOurs) return this.lose([job.position])
    let outcome: Outcome
    try {
      await this.#options.handler(job)
      if (job.lost) return
      this.counters.processed++
      outcome = { kind: 'acknowledge', position: job.position }
    } catch (thrown) {
      if (job.lost) return
      outcome = this.#failed(job, thrown)
    }
    job.ending = outcome.kind
    this.#settle(job.claim, job.event, outcome)
  }

  #failed(job: Job, thrown: unknown): Outcome {
    this.counters.failed++
    const outcome = outcomeOfFailure(job, thrown, this.#options.retry)
    const { stream, group, log } = this.#options
    const fields = { error: toError(thrown), stream, group, position: job.position, attempt: job.attempt }
    if (outcome.kind === 'retry')
      log.info({ ...fields, delayMs: outcome.delayMs }, 'a handler failed and is retried')
    else this.#countDeadLetter(fields)
    return outcome
  }

  #bury(claim: Claim, event: Event | undefined, outcome: Outcome): void {
    const { stream, group } = this.#options
    if (outcome.kind === 'dead-letter')
      this.#countDeadLetter({ stream, group, position: claim.position, ...outcome.letter })
    this.#settle(claim, event, outcome)
  }

  #countDeadLetter(fields: object): void {
    this.counters.deadLettered++
    this.#options.log.error(fields, 'an entry goes to the dead letters')
  }

  #settle(claim: Claim, event: Event | undefined, outcome: Outcome): void {
    const fact = this.#audit?.factOf(outcome, claim, event)
    const settler = outcome.kind === 'dead-letter' ? this.#burials : this.#settler
    settler.push(fact ? { outcome, fact } : { outcome })
  }

  #giveBackWaiting(): void {
    for (const job of this.#lanes.drain()) this.#giveBack(job, job.attempt - 1)
  }

  #giveBack(job: Job, attempts: number): void {
    job.ending = 'release'
    this.#settler.push({ outcome: { kind: 'release', position: job.position, attempts } })
  }

  #disown(job: Job, reason: Error): void {
    job.lost = true
    this.#jobs.delete(job.position)
    job.abort(reason)
  }

  #settled(positions: readonly string[], lost: readonly string[]): void {
    this.counters.lost += lost.length
    for (const position of positions) if (this.#jobs.get(position)?.ending) this.#jobs.delete(position)
    this.#onSettled(positions.length)
    this.#checkEmpty()
  }

  #checkEmpty(): void {
    if (this.#jobs.size === 0) for (const wake of this.#emptyWaiters.splice(0)) wake()
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
