import { performance as node } from 'node:perf_hooks'
import { toError } from '../core/errors.ts'
import { Measurements } from './measurements.ts'
import { checkPlan, type LoadPlan } from './plan.ts'
import { Schedule } from './schedule.ts'
import { toFailure, type LoadTarget } from './target.ts'

/** What was due when the time ran out is begun within so long after it: a stall at the very end loses nothing. */
const CATCH_UP_MS = 1_000
/** Whoever waits for the time at which a request is due looks so often whether it was stopped. */
const LONGEST_WAIT_MS = 250

/** One request that is to be made. */
interface Turn {
  readonly n: number
  /** Undefined in a closed loop: as soon as may be. */
  readonly due: number | undefined
  readonly counts: boolean
}

/**
 * Puts a target under load once. As many loops as requests may be under way take turns: the next one that is due, or
 * just the next. So nothing is queued however slow the target is, and a request that is begun late is measured from the
 * time at which it was due: its latency holds what those before it made it wait (no coordinated omission).
 */
export class LoadRun {
  readonly measurements = new Measurements()
  readonly #target: LoadTarget
  readonly #plan: LoadPlan
  readonly #schedule: Schedule | undefined
  readonly #warmUpMs: number
  readonly #endMs: number
  #startedAt = 0
  #lastAnswerAt = 0
  #tookMs = 0
  /** Turns that were taken, those of the warm-up too; and those that count. */
  #taken = 0
  #counted = 0
  #stopped = false
  #partial = false
  #busy = 0

  /** @throws InvalidError `CONFIGURATION_INVALID` with every mistake of the plan */
  constructor(target: LoadTarget, plan: LoadPlan) {
    checkPlan(plan)
    const { ratePerSecond, rampUpMs, warmUpMs = 0, durationMs = Infinity } = plan
    this.#target = target
    this.#plan = plan
    this.#schedule = ratePerSecond === undefined ? undefined : new Schedule(ratePerSecond, rampUpMs)
    this.#warmUpMs = warmUpMs
    this.#endMs = warmUpMs + durationMs
  }

  /**
   * Runs to the end of the plan and waits for what is under way; when `signal` is aborted, it ends at once, and what is
   * under way is left to the target to give up. Call it once.
   */
  async run(signal: AbortSignal): Promise<void> {
    const before = node.eventLoopUtilization()
    this.#startedAt = performance.now()
    const loops = Promise.all(Array.from({ length: this.#plan.concurrency }, (_, index) => this.#loop(index)))
    await unlessAborted(loops, signal)
    this.#stopped = true
    this.#tookMs = performance.now() - this.#startedAt
    this.#partial = signal.aborted
    this.#busy = node.eventLoopUtilization(before).utilization
  }

  /** Whether it was ended before its plan was. */
  get partial(): boolean {
    return this.#partial
  }

  /** How many requests were made to warm up, and not measured. */
  get warmUps(): number {
    return this.#taken - this.#counted
  }

  /**
   * Due within the duration, or before it was ended early, and never begun: the target is too slow for the rate, or too few
   * may be under way.
   */
  get neverBegun(): number {
    if (!this.#schedule || this.#plan.count !== undefined) return 0
    return Math.max(0, this.#schedule.dueBefore(Math.min(this.#endMs, this.#tookMs)) - this.#taken)
  }

  /** From the end of the warm-up to the last answer and at least for the duration; or until it was ended early. In ms. */
  get measuredMs(): number {
    const answered = Math.max(this.#lastAnswerAt - this.#startedAt, this.#plan.durationMs ? this.#endMs : 0)
    return Math.max(0, (this.#partial ? this.#tookMs : answered) - this.#warmUpMs)
  }

  /** Which share of the time this process was busy: near 1, its figures tell as much about it as about the target. */
  get busy(): number {
    return this.#busy
  }

  async #loop(index: number): Promise<void> {
    const { rampUpMs = 0, concurrency } = this.#plan
    if (!this.#schedule) await this.#waitUntil(this.#startedAt + (rampUpMs * index) / concurrency)
    for (let turn = this.#next(); turn; turn = this.#next()) {
      if (turn.due !== undefined) await this.#waitUntil(turn.due)
      if (this.#stopped) return
      const failed = await this.#send(turn)
      // What fails at once, before anything is sent, would leave no time for anything else, Ctrl-C included.
      if (failed) await new Promise((resolve) => setImmediate(resolve))
    }
  }

  #next(): Turn | undefined {
    const nowMs = performance.now() - this.#startedAt
    const atMs = this.#schedule ? this.#schedule.dueAt(this.#taken) : nowMs
    const over = atMs >= this.#endMs || nowMs >= this.#endMs + CATCH_UP_MS
    if (this.#stopped || over || this.#counted === this.#plan.count) return undefined
    const counts = atMs >= this.#warmUpMs
    if (counts) this.#counted++
    return { n: ++this.#taken, due: this.#schedule && this.#startedAt + atMs, counts }
  }

  /** Answers whether it failed. */
  async #send({ n, due, counts }: Turn): Promise<boolean> {
    const begun = performance.now()
    const since = due ?? begun
    if (counts) this.measurements.begin(begun - since)
    let failure: Error | undefined
    try {
      await this.#target.send(n)
    } catch (error) {
      failure = toError(error)
    }
    if (counts && !this.#stopped) this.#count(failure, since, begun)
    return failure !== undefined
  }

  #count(failure: Error | undefined, due: number, begun: number): void {
    this.#lastAnswerAt = performance.now()
    const times = { due, begun, ended: this.#lastAnswerAt }
    if (failure) this.measurements.fail(toFailure(failure), times)
    else this.measurements.succeed(times)
  }

  async #waitUntil(time: number): Promise<void> {
    for (;;) {
      const leftMs = time - performance.now()
      if (leftMs <= 0 || this.#stopped) return
      await new Promise((resolve) => setTimeout(resolve, Math.min(leftMs, LONGEST_WAIT_MS)))
    }
  }
}

async function unlessAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  let stop = () => {}
  const stopped = new Promise<void>((resolve) => {
    stop = resolve
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
  await Promise.race([work, stopped]).finally(() => signal.removeEventListener('abort', stop))
}
