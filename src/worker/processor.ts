import { MillraceError } from '../core/errors.ts'
import type { Claim, Consumer } from '../core/stream-log.ts'
import { Admission } from './admission.ts'
import { AuditReporter } from './audit-reporter.ts'
import { BatchCollector } from './batch-collector.ts'
import { BlockedKeys } from './blocked-keys.ts'
import type { Circuit } from './breaker.ts'
import { Executor } from './executor.ts'
import type { HandlerPool, Line } from './handler-pool.ts'
import { Intake, type Screening } from './intake.ts'
import type { Job } from './job.ts'
import { Lanes } from './lanes.ts'
import { Runner } from './runner.ts'
import { Settlements, type Counters } from './settlements.ts'
import type { ResolvedOptions } from './worker-options.ts'

/** What died with its process twice runs alone from now on; with few attempts, what died once. */
const SUSPECT_FROM_ATTEMPT = 3

/** So few claims do not hold up the next read. */
const FEW_CLAIMS = 4

/** What a processor needs of its worker. */
export interface Surroundings {
  pool: HandlerPool
  weight: number
  /** Aborted when nothing should start any more. */
  stopping: AbortSignal
  /** Told how many entries were settled; none, when what was taken keeps no handler busy and there is room for more. */
  onRoom(settled: number): void
}

/** Takes claims through screening, admission, lanes and handler to their settlement. */
export class Processor implements Line {
  readonly weight: number
  readonly #options: ResolvedOptions
  readonly #pool: HandlerPool
  readonly #leavePool: () => void
  /** In hand, by the positions of their claims. */
  readonly #jobs = new Map<string, Job>()
  readonly #lanes: Lanes
  readonly #batches: BatchCollector
  readonly #runner: Runner
  readonly #executor: Executor
  readonly #intake: Intake
  readonly #admission: Admission
  readonly #settlements: Settlements
  readonly #audit: AuditReporter | undefined
  readonly #stopping: AbortSignal
  readonly #onRoom: (settled: number) => void
  readonly #blockedKeys: BlockedKeys
  #arriving = 0
  #emptyWaiters: (() => void)[] = []

  constructor(consumer: Consumer, options: ResolvedOptions, surroundings: Surroundings) {
    const { stream, group, consumer: name, audit, log } = options
    const { pool, weight, stopping, onRoom } = surroundings
    this.#onRoom = onRoom
    this.weight = weight
    this.#options = options
    this.#pool = pool
    this.#stopping = stopping
    this.#audit = audit && new AuditReporter(audit, { stream, group, consumer: name }, log)
    this.#audit?.start()
    this.#intake = new Intake(consumer, options, this.#audit, stopping)
    this.#runner = new Runner(options)
    this.#settlements = new Settlements(consumer, options, this.#audit, (positions) => {
      this.#settled(positions)
      onRoom(positions.length)
    })
    this.#admission = new Admission(consumer, options, this.#jobs, this.#settlements)
    this.#lanes = this.#makeLanes()
    this.#executor = new Executor({
      consumer,
      runner: this.#runner,
      lanes: this.#lanes,
      settlements: this.#settlements,
      handlerTimeoutMs: options.handlerTimeoutMs,
      stopping,
      held: () => this.#jobs.values(),
      onLost: (position) => this.lose([position]),
      onFree: () => pool.ended(),
    })
    this.#batches = new BatchCollector(this.#lanes, options.batch, () => pool.pump())
    this.#blockedKeys = new BlockedKeys({
      consumer,
      lanes: this.#lanes,
      log,
      unsettled: () => this.#settlements.unsettled(),
      onUnblocked: () => pool.pump(),
    })
    this.#leavePool = pool.join(this)
  }

  get counters(): Counters {
    return this.#settlements.counters
  }

  /** Entries in hand, running and waiting. */
  get held(): number {
    return this.#jobs.size + this.#arriving
  }

  /** How many of those could not run now, since others of their key come first. */
  get behind(): number {
    return this.#lanes.behind
  }

  /** Entries that wait in the log, of which we know the place in their key. */
  get parked(): number {
    return this.#lanes.parked
  }

  get circuit(): Circuit {
    return this.#runner.circuit
  }

  /** Of the batches from now on. Only where a handler takes batches. */
  resizeBatches(size: number): void {
    this.#batches.resize(size)
  }

  get blockedKeys(): number {
    return this.#lanes.blockedKeys
  }

  /**
   * Takes claims over, in the order of the calls. Many run two turns later: whoever awaits this asks for the next claim
   * in this turn, the client writes it at the end of it, and so Redis reads while these run. A few run at once, since
   * nothing is gained by that and somebody may wait for them.
   */
  async accept(claims: readonly Claim[]): Promise<void> {
    this.#arriving += claims.length
    this.#blockedKeys.arriving(claims)
    const screening = await this.#intake.screen(claims)
    const admit = () => {
      this.#arriving -= claims.length
      this.#blockedKeys.arrived(claims)
      this.#admit(claims, screening)
    }
    if (claims.length <= FEW_CLAIMS && this.#arriving === claims.length) admit()
    else setImmediate(() => setImmediate(admit))
  }

  hasReady(): boolean {
    return this.#batches.isReady
  }

  hasSuspect(): boolean {
    return this.#lanes.suspects > 0
  }

  start(): void {
    if (this.#batches.size === 1) void this.#executor.run(this.#lanes.take()!)
    else void this.#executor.runBatch(this.#batches.take())
  }

  startSuspect(): void {
    void this.#executor.run(this.#lanes.takeSuspect()!)
  }

  /** These entries belong to others now: their handlers should stop, and nothing comes of them here. */
  lose(positions: readonly string[]): void {
    if (positions.length > 0) this.#settlements.lose(positions)
    for (const position of positions) {
      const job = this.#jobs.get(position)
      if (!job) continue
      this.counters.lost++
      job.lost = true
      this.#jobs.delete(position)
      this.#executor.stray(job)
      job.abort(new MillraceError('CLOSED', 'the entry went to another consumer'))
    }
    this.#checkEmpty()
  }

  /** Hands back what waits, and resolves when what runs has ended and is settled. */
  async finish(): Promise<void> {
    while (this.#arriving > 0) await turn()
    this.#giveBackWaiting()
    if (this.#jobs.size > 0) await new Promise<void>((resolve) => this.#emptyWaiters.push(resolve))
    await this.#settlements.idle()
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
    this.#blockedKeys.stop()
    this.#leavePool()
    this.#batches.stop()
    this.#executor.stop()
    this.#settlements.close()
    await this.#audit?.stop()
  }

  #makeLanes(): Lanes {
    return new Lanes({
      maxBehindParked: this.#options.maxHeld / 2,
      isSuspect: (job) => this.#isSuspect(job),
      park: (jobs, delayMs) => {
        for (const job of jobs) this.#giveBack(job, job.attempt - 1, delayMs)
      },
      recall: (positions) => {
        if (!this.#stopping.aborted) this.#blockedKeys.recall(positions)
      },
    })
  }

  #admit(claims: readonly Claim[], screening: Screening): void {
    const jobs: Job[] = []
    let parked = 0
    for (const claim of claims) {
      if (claim.origin === 'parked') {
        this.#lanes.addParked(this.#admission.keyOf(claim), claim.position)
        parked++
      } else {
        const job = this.#admission.admit(claim, screening)
        if (job) jobs.push(job)
      }
    }
    this.#audit?.read(jobs)
    for (const job of jobs) this.#lanes.add(job)
    this.#pool.pump()
    if (parked > 0 || this.#lanes.behind > 0) this.#onRoom(0)
  }

  #isSuspect({ entry: { origin }, attempt, event: { type } }: Job): boolean {
    if (origin !== 'abandoned') return false
    return attempt >= SUSPECT_FROM_ATTEMPT || this.#options.retry.of(type).attempts < SUSPECT_FROM_ATTEMPT
  }

  #giveBackWaiting(): void {
    for (const job of this.#lanes.drain()) this.#giveBack(job, job.attempt - 1)
  }

  #giveBack(job: Job, attempts: number, delayMs = 0): void {
    if (job.lost) return
    job.ending = 'release'
    this.#settlements.release(job.entry, attempts, delayMs)
  }

  #settled(positions: readonly string[]): void {
    for (const position of positions) if (this.#jobs.get(position)?.ending) this.#jobs.delete(position)
    this.#checkEmpty()
  }

  #checkEmpty(): void {
    if (this.#jobs.size === 0) for (const wake of this.#emptyWaiters.splice(0)) wake()
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
