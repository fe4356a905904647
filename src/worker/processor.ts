import { faultsOf, type BatchFaults } from '../core/delivery.ts'
import { MillraceError } from '../core/errors.ts'
import type { Claim, Consumer, Outcome } from '../core/stream-log.ts'
import { Admission } from './admission.ts'
import { AuditReporter } from './audit-reporter.ts'
import { BatchCollector } from './batch-collector.ts'
import { BlockedKeys } from './blocked-keys.ts'
import { Beginner } from './beginner.ts'
import type { Circuit } from './breaker.ts'
import type { HandlerPool, Line } from './handler-pool.ts'
import { Intake, type Screening } from './intake.ts'
import type { Job } from './job.ts'
import { Lanes } from './lanes.ts'
import { Runner } from './runner.ts'
import { TimeLimit } from './time-limit.ts'
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
  readonly #consumer: Consumer
  readonly #options: ResolvedOptions
  readonly #pool: HandlerPool
  readonly #leavePool: () => void
  /** In hand, by the positions of their claims. */
  readonly #jobs = new Map<string, Job>()
  /** Lost, and still running. */
  readonly #strays = new Set<Job>()
  /** Ended by the time limit, while their handlers go on. */
  readonly #late = new Set<Job>()
  readonly #lanes: Lanes
  readonly #batches: BatchCollector
  readonly #runner: Runner
  readonly #timeLimit: TimeLimit
  readonly #intake: Intake
  readonly #admission: Admission
  readonly #settlements: Settlements
  readonly #beginner: Beginner
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
    this.#consumer = consumer
    this.#options = options
    this.#pool = pool
    this.#stopping = stopping
    this.#audit = audit && new AuditReporter(audit, { stream, group, consumer: name }, log)
    this.#audit?.start()
    this.#beginner = new Beginner(consumer, stopping)
    this.#intake = new Intake(consumer, options, this.#audit, stopping)
    this.#runner = new Runner(options)
    this.#timeLimit = new TimeLimit(
      options.handlerTimeoutMs,
      () => [...this.#jobs.values(), ...this.#strays],
      (job, error) => this.#isLate(job, error),
    )
    this.#settlements = new Settlements(consumer, options, this.#audit, (positions) => {
      this.#settled(positions)
      onRoom(positions.length)
    })
    this.#admission = new Admission(consumer, options, this.#jobs, this.#settlements)
    this.#lanes = this.#makeLanes()
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
    if (this.#batches.size === 1) void this.#run(this.#lanes.take()!)
    else void this.#runBatch(this.#batches.take())
  }

  startSuspect(): void {
    void this.#run(this.#lanes.takeSuspect()!)
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
      if (job.beganAt !== undefined) this.#strays.add(job)
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
    this.#timeLimit.stop()
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

  /** One in a place of the pool, which it frees, unless that was done since it is late. */
  async #run(job: Job): Promise<void> {
    if (this.#startsAtOnce(job) || (await this.#startable([job])).length > 0) {
      this.#timeLimit.begin(job)
      let outcome: Outcome | undefined
      try {
        await this.#runner.handle(job)
      } catch (thrown) {
        if (!job.ending && !job.lost) outcome = this.#settlements.failed(job, thrown)
      }
      if (this.#late.size > 0 && this.#late.delete(job)) return
      if (!job.ending) this.#end(job, outcome ?? job.acknowledgement())
      if (job.lost) this.#strays.delete(job)
    }
    this.#pool.ended()
  }

  /** Its handler may never end: its key and its place in the pool do not wait for it. */
  #isLate(job: Job, error: Error): void {
    this.#late.add(job)
    this.#strays.delete(job)
    this.#end(job, job.lost ? job.acknowledgement() : this.#settlements.failed(job, error))
    this.#pool.ended()
  }

  /** All in one call of the handler, or one after the other where that fails. */
  async #runBatch(batch: readonly Job[]): Promise<void> {
    const startAtOnce = batch.every((job) => this.#startsAtOnce(job))
    const jobs = startAtOnce ? batch : await this.#startable(batch)
    if (jobs.length > 0) await this.#runTogether(jobs)
    this.#pool.ended()
  }

  async #runTogether(jobs: readonly Job[]): Promise<void> {
    for (const job of jobs) this.#timeLimit.begin(job)
    let faults: BatchFaults
    try {
      faults = faultsOf(await this.#runner.handleBatch(jobs))
    } catch (thrown) {
      return this.#batchFailed(jobs, thrown)
    }
    jobs.forEach((job, index) => {
      const fault = faults[index]
      // Where one of a key failed, those behind it went back with it: they come again, after it.
      if (!job.ending)
        this.#end(job, fault && !job.lost ? this.#settlements.failed(job, fault) : job.acknowledgement())
    })
  }

  /** What ran into its time limit may still run: nothing of it is started anew beside it. */
  async #batchFailed(jobs: readonly Job[], thrown: unknown): Promise<void> {
    const isLate = thrown instanceof MillraceError && thrown.code === 'HANDLER_TIMEOUT'
    for (const job of jobs) {
      // Where one of the same key failed meanwhile, those behind it went back with it.
      if (job.ending) continue
      if (job.lost) this.#lanes.finished(job)
      else if (isLate || jobs.length === 1) this.#end(job, this.#settlements.failed(job, thrown))
      else {
        job.again()
        await this.#runTogether([job])
      }
    }
  }

  /** Nearly all do, and it costs nothing to find out. */
  #startsAtOnce({ lost, entry: { origin } }: Job): boolean {
    return !lost && origin === 'new' && this.#consumer.mayRun && !this.#stopping.aborted
  }

  /** Those that are still ours and may start, in their order. That they start is written down for all of them at once. */
  async #startable(jobs: readonly Job[]): Promise<readonly Job[]> {
    const begun = await Promise.all(
      jobs.map((job) => job.lost || job.entry.origin === 'new' || this.#beginner.begin(job.entry)),
    )
    return jobs.filter((job, index) => this.#mayStart(job, begun[index]!))
  }

  /** Where it may not, what becomes of it is seen to. */
  #mayStart(job: Job, isBegun: boolean): boolean {
    const { position, origin } = job.entry
    if (!job.lost && this.#stopping.aborted) {
      // It may have gone back already, behind the one before it of its key.
      if (!job.ending) this.#end(job, { kind: 'release', position, attempts: job.attempt - 1 })
      return false
    }
    // First deliveries may have waited for the others. One that was lost meanwhile may be here again, as another job.
    const isOurs = isBegun && (origin !== 'new' || this.#consumer.mayRun)
    if (!job.lost && !isOurs) this.lose([position])
    if (job.lost) this.#lanes.finished(job)
    return !job.lost
  }

  #end(job: Job, outcome: Outcome): void {
    if (job.lost) return this.#lanes.finished(job)
    job.ending = outcome.kind
    this.#settlements.settle(job.entry, job.event, outcome)
    if (outcome.kind === 'retry' || outcome.kind === 'release') this.#lanes.waits(job, outcome.delayMs ?? 0)
    else this.#lanes.finished(job)
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
