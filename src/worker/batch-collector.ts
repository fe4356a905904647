import type { Job } from './job.ts'
import type { Lanes } from './lanes.ts'

export interface BatchOptions {
  /** Events in one call of the handler, at most. */
  size: number
  /** How long the first one waits for the batch to fill, in ms (0: what is there goes). */
  waitMs?: number
}

/**
 * Gathers jobs into batches, those of a key in turn. What has not failed by itself, as far as is known, goes together:
 *
 * - what comes for the first time;
 * - what was given back before any start of it counted, by a stop, a postponement, or behind another one of its key;
 * - what a consumer held that died, once: most of it did nothing wrong. Each of them counts as started, as those of a
 *   first batch do, so what shares batches with one that kills the process is charged twice at most. Then it is a suspect,
 *   and those never come here (see {@link Lanes}).
 *
 * What failed before runs by itself: it would let a batch fail once more, and those beside it run again for that.
 */
export class BatchCollector {
  readonly #lanes: Lanes
  #size: number
  readonly #waitMs: number
  readonly #wake: () => void
  #since: number | undefined
  #timer: NodeJS.Timeout | undefined

  /** @param wake called when a batch has waited for long enough */
  constructor(lanes: Lanes, { size, waitMs = 0 }: BatchOptions, wake: () => void) {
    this.#lanes = lanes
    this.#size = size
    this.#waitMs = waitMs
    this.#wake = wake
  }

  get isReady(): boolean {
    const { ready } = this.#lanes
    if (ready === 0) return false
    if (this.#waitMs === 0 || ready >= this.#size) return true
    const now = performance.now()
    this.#since ??= now
    if (now - this.#since >= this.#waitMs) return true
    this.#timer ??= setTimeout(() => this.#waited(), this.#waitMs)
    return false
  }

  get size(): number {
    return this.#size
  }

  resize(size: number): void {
    this.#size = size
    this.#wake()
  }

  take(): Job[] {
    this.#since = undefined
    const jobs: Job[] = []
    while (jobs.length < this.#size) {
      const next = this.#lanes.first
      if (!next || (jobs.length > 0 && !mayShare(next))) break
      jobs.push(this.#lanes.take()!)
      if (!mayShare(next)) break
      this.#takeBehind(next, jobs)
    }
    return jobs
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #takeBehind(job: Job, jobs: Job[]): void {
    while (jobs.length < this.#size) {
      const behind = this.#lanes.takeBehind(job, mayShare)
      if (!behind) return
      jobs.push(behind)
    }
  }

  #waited(): void {
    this.#timer = undefined
    this.#since = -Infinity
    this.#wake()
  }
}

/** A retry that is its first start has neither failed nor died. */
const mayShare = ({ entry: { origin, attempt } }: Job): boolean => origin !== 'retry' || attempt === 1
