import { slotPrefix } from '../slots.ts'

/** The keys of what waits for its time beside a stream, in the stream's slot. */
export interface ScheduleKeys {
  readonly stream: string
  /** Sorted set: id → when it is due, in ms of the server's clock. Ids of one time sort as they were scheduled. */
  readonly due: string
  /** Hash: id → the fields, packed. */
  readonly entries: string
}

export function scheduleKeys(stream: string): ScheduleKeys {
  const prefix = `${slotPrefix(stream)}schedule`
  return { stream, due: prefix, entries: `${prefix}:entries` }
}

/** Holds the id and the digest of what was scheduled under an idempotency key. */
export const scheduleIdempotencyKey = (stream: string, key: string): string =>
  `${slotPrefix(stream)}schedule:idempotency:${key}`

/** Sorted set: the streams that something may wait for → when somebody last said so, in ms of the server's clock. */
export const SCHEDULED_STREAMS_KEY = 'millrace:scheduled'

/** Stream: a `stream` for each entry that is due before all others of its stream. Movers that sleep wait for it. */
export const EARLIER_KEY = 'millrace:scheduled:earlier'

/** Hash: job → its last tick, in ms since 1970. */
export const TICKS_KEY = 'millrace:jobs:ticks'
