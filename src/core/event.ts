import type { Durability } from './stream-log.ts'

/**
 * What an entry of a stream means. The names are those of CloudEvents 1.0 where it has them.
 */
export interface Event<T = unknown> {
  /** The publisher's own id, else the entry's position, such as `1700000000000-0`. */
  readonly id: string
  /** Such as `user.created`. */
  readonly type: string
  /** ISO 8601 in UTC; the publisher's, else the milliseconds of the entry's position. */
  readonly time: string
  readonly data: T
  /** Events of one key keep their order; `partitionkey` on the wire. */
  readonly key?: string | undefined
  /** Every other attribute of the entry: `source`, `subject`, `traceparent`, … */
  readonly headers: Readonly<Record<string, string>>
}

/** An event on its way in: what the publisher leaves out follows from the entry's position. */
export interface NewEvent<T = unknown> {
  type: string
  data: T
  id?: string | undefined
  time?: string | undefined
  key?: string | undefined
  headers?: Readonly<Record<string, string>> | undefined
  /** Publishing twice under one key, within 10 minutes unless configured otherwise, writes once. */
  idempotencyKey?: string | undefined
  /** Where the log is replicated: how many replicas must have the event before it counts as published. */
  durability?: Durability | undefined
}
