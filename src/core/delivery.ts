import type { Event } from './event.ts'
import type { CopyOf, Entry } from './stream-log.ts'

/** One event handed to one handler, once. The same entry can be delivered again: at least once is the promise. */
export interface Delivery<T = unknown> {
  readonly event: Event<T>
  readonly stream: string
  readonly group: string
  /** The entry's id in its stream: unique and growing there while the stream lives. A copy has that of its original. */
  readonly position: string
  /** What the log holds. Its position is that of the copy, where this is one: unique within the group. */
  readonly entry: Entry
  /** Set where this was redriven or replayed to this group. */
  readonly copyOf?: CopyOf | undefined
  /** 1 for the first start, counted over crashes and restarts. */
  readonly attempt: number
  /** Aborted when the entry was lost to another consumer, the time limit passed, or the stop deadline is over. */
  readonly signal: AbortSignal
  /**
   * Writes an entry to a stream of the same slot in the same step as the acknowledgement: both happen or neither, so
   * what comes of an event is written once. Nothing is written where the handler throws.
   */
  produce(stream: string, fields: readonly string[]): void
}

/** Return: the entry is acknowledged. Throw: it is retried, or dead-lettered after its last attempt. */
export type Handler<T = unknown> = (delivery: Delivery<T>) => Promise<void> | void

/**
 * Return nothing: all are acknowledged. Return {@link BatchFaults}: those with an error have failed with it, the others
 * are acknowledged. Throw: they are run again one by one, in arrays of one and in the same attempt, so that one bad event
 * fails alone; so what a batch did before it threw is done again, unless it was rolled back.
 *
 * What was redelivered comes together with what is new, unless it failed before, as far as is known, or died with its
 * process twice.
 */
export type BatchHandler<T = unknown> = (
  deliveries: readonly Delivery<T>[],
) => Promise<BatchFaults | void> | BatchFaults | void

/** For each delivery of a batch, in their order, why it failed, as if a handler had thrown that; undefined where it did not. */
export type BatchFaults = readonly (Error | undefined)[]

/** What a batch handler answered, as faults: a handler may answer anything, and only an error says that one failed. */
export const faultsOf = (answer: unknown): BatchFaults =>
  Array.isArray(answer) ? answer.map((one: unknown) => (one instanceof Error ? one : undefined)) : NO_FAULTS

const NO_FAULTS: BatchFaults = []

export type Middleware = (next: Handler) => Handler

/** Thrown by a handler: try again after `delayMs`, whatever the policy's delay. It counts as an attempt. */
export class RetryLater extends Error {
  readonly delayMs: number

  constructor(delayMs: number, reason = 'the handler asked to be called later') {
    super(reason)
    this.name = 'RetryLater'
    this.delayMs = delayMs
  }
}

/** Thrown by a handler: no attempt will ever succeed, so the entry goes to the dead letters now. */
export class Reject extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options)
    this.name = 'Reject'
  }
}

/**
 * Thrown by whatever stands before a handler, when what the handler needs is not there: the entry is given back for
 * `delayMs`, and no attempt is spent, however often that happens. A handler itself throws {@link RetryLater}.
 */
export class Postpone extends Error {
  readonly delayMs: number

  constructor(delayMs: number, reason: string, options?: ErrorOptions) {
    super(reason, options)
    this.name = 'Postpone'
    this.delayMs = delayMs
  }
}
