import type { Event } from './event.ts'

/** One event handed to one handler, once. The same entry can be delivered again: at least once is the promise. */
export interface Delivery<T = unknown> {
  readonly event: Event<T>
  readonly stream: string
  /** The entry's id in its stream: unique and growing there while the stream lives. */
  readonly position: string
  /** 1 for the first start, counted over crashes and restarts. */
  readonly attempt: number
  /** Aborted when the entry was lost to another consumer, the time limit passed, or the stop deadline is over. */
  readonly signal: AbortSignal
}

/** Return: the entry is acknowledged. Throw: it is retried, or dead-lettered after its last attempt. */
export type Handler<T = unknown> = (delivery: Delivery<T>) => Promise<void> | void

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
