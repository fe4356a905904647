import type { CopyOf, StreamLog } from '../../core/stream-log.ts'

export interface StreamLogAdapter {
  /** Shown with each test. */
  name: string
  /** Called once per case. The log may be one on a server that the cases share: they use streams of their own. */
  open(): Promise<OpenLog>
  features: Features
}

/** A log under test, and what can be done to it from outside: what is declared in {@link Features} must be there. */
export interface OpenLog {
  log: StreamLog
  close(): Promise<void>
  deleteStream?(stream: string): Promise<void>
  deleteGroup?(stream: string, group: string): Promise<void>
  /** Drops the entries before a position, whether they are pending or not. */
  trim?(stream: string, minPosition: string): Promise<void>
  /** Takes up to `limit` new entries as a consumer of other software does, which sends no heartbeats. */
  readAsStranger?(stream: string, group: string, consumer: string, limit: number): Promise<unknown>
  pauseGroup?(stream: string, group: string): Promise<unknown>
  resumeGroup?(stream: string, group: string): Promise<unknown>
  /** Hands an entry to one group alone, as a redrive or a replay does. */
  copyToGroup?(stream: string, group: string, fields: readonly string[], copyOf: CopyOf): Promise<unknown>
}

export interface Features {
  deleteStream?: boolean
  deleteGroup?: boolean
  trim?: boolean
  readAsStranger?: boolean
  /** `pauseGroup` and `resumeGroup`. */
  pause?: boolean
  /** `copyToGroup`. */
  inlet?: boolean
  /** How long the log remembers idempotency keys, in ms, where that is short enough to wait for. */
  idempotencyTtlMs?: number
}

/** What the suite needs of a test runner. */
export interface Runner {
  describe(name: string, declare: () => void): unknown
  test(name: string, run: () => Promise<void>, timeoutMs: number): unknown
  expect: Expect
}

export type Expect = (actual: unknown) => Expectation

interface Expectation {
  toBe(expected: unknown): void
  toEqual(expected: unknown): void
  toMatchObject(expected: object): void
  toBeLessThan(expected: number): void
  toBeGreaterThanOrEqual(expected: number): void
}
