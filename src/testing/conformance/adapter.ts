import type { CopyOf, StreamLog } from '../../core/stream-log.ts'

export interface StreamLogAdapter {
  /** Shown with each test. */
  name: string
  /** Called once per case. The log may be one on a server that the cases share: they use streams of their own. */
  open(options: OpenOptions): Promise<OpenLog>
  features: Features
}

export interface OpenOptions {
  /** How long the log remembers idempotency keys, in ms; left to the log where it is left out. */
  idempotencyTtlMs?: number
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
  /** Resolves when all members know of it. */
  pauseGroup?(stream: string, group: string): Promise<unknown>
  resumeGroup?(stream: string, group: string): Promise<unknown>
  /** Hands an entry to one group alone, as a redrive or a replay does. */
  copyToGroup?(stream: string, group: string, fields: readonly string[], copyOf: CopyOf): Promise<unknown>
  /** Another log on the same data, on connections of its own, as another process has it. */
  openPeer?(): Promise<Pick<OpenLog, 'log' | 'close'>>
  /** Cuts every connection of the log and of its peers; new ones are accepted. */
  disconnect?(): Promise<void>
  /** Ends the servers and starts them again with what they had; answers when they are ready. */
  restart?(): Promise<void>
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
  /** `openPeer`: what is written is not in this process. */
  peers?: boolean
  disconnect?: boolean
  restart?: boolean
  /** `open` heeds `idempotencyTtlMs`. */
  idempotencyTtl?: boolean
}

type DeclareTest = (name: string, run: () => Promise<void>, timeoutMs: number) => unknown

/** What the suite needs of a test runner. */
export interface Runner {
  describe(name: string, declare: () => void): unknown
  test: DeclareTest
  /** For cases that disturb no other and mostly wait, such as vitest's `test.concurrent`; left out, all run in turn. */
  concurrent?: DeclareTest
  /** That of vitest or jest, which show differences well; left out, the suite compares by itself. */
  expect?: Expect
}

export type Expect = (actual: unknown) => Expectation

export interface Expectation {
  toBe(expected: unknown): void
  toEqual(expected: unknown): void
  toMatchObject(expected: object): void
  toBeLessThan(expected: number): void
  toBeGreaterThanOrEqual(expected: number): void
}
