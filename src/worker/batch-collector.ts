import type { Job } from './job.ts'
import type { Lanes } from './lanes.ts'

export interface BatchOptions {
  /** Events in one call of the handler, at most. */
  size: number
  /** How long the first one waits for the batch to fill, in ms (0: what is there goes). */
  waitMs?: number
}

/** Gathers jobs into batches: first deliveries alone, since what failed before runs by itself, and of a key in turn. */
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
      if (!next || (jobs.length > 0 && !isFirst(next))) break
      jobs.push(this.#lanes.take()!)
      if (!isFirst(next)) break
      this.#takeBehind(next, jobs)
    }
    return jobs
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #takeBehind(job: Job, jobs: Job[]): void {
    while (jobs.length < this.#size) {
      const behind = this.#lanes.takeBehind(job, isFirst)
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

const isFirst = ({ entry }: Job): boolean => entry.origin === 'new'
