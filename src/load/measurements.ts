import { Failures } from './failures.ts'
import { Latencies } from './latencies.ts'
import type { RequestFailure } from './target.ts'

/** Begun so long after it was due, a request is late; timers alone are late by a millisecond or two. */
const LATE_AFTER_MS = 10

/** When a request was due, begun and answered, in ms. In a closed loop it is due when it is begun. */
export interface Times {
  readonly due: number
  readonly begun: number
  readonly ended: number
}

/** What is known of the requests that count. */
export class Measurements {
  /** Of wanted answers, and of requests that timed out: from when they were due. A quick error is no quick answer. */
  readonly latencies = new Latencies()
  /** The same from when they were begun, which leaves out how long they waited for those before them. */
  readonly uncorrected = new Latencies()
  readonly failures = new Failures()
  #begun = 0
  #ok = 0
  #late = 0
  #latestMs = 0

  get begun(): number {
    return this.#begun
  }

  get ok(): number {
    return this.#ok
  }

  /** Begun and neither answered nor failed. */
  get underWay(): number {
    return this.#begun - this.#ok - this.failures.count
  }

  /** How many were begun late: all that may be under way were. */
  get late(): number {
    return this.#late
  }

  /** How late the latest of all was begun, in ms. */
  get latestMs(): number {
    return this.#latestMs
  }

  begin(lateMs: number): void {
    this.#begun++
    if (lateMs > LATE_AFTER_MS) this.#late++
    if (lateMs > this.#latestMs) this.#latestMs = lateMs
  }

  succeed(times: Times): void {
    this.#ok++
    this.#record(times)
  }

  fail(failure: RequestFailure, times: Times): void {
    this.failures.add(failure)
    if (failure.kind === 'timeout') this.#record(times)
  }

  #record({ due, begun, ended }: Times): void {
    this.latencies.record(ended - due)
    this.uncorrected.record(ended - begun)
  }
}
