import { slotPrefix } from './slots.ts'

/** The keys beside a stream that belong to one of its groups; all live in the stream's slot. */
export interface GroupKeys {
  readonly stream: string
  /** Hash: `low`, the position at or below which everything is acknowledged. */
  readonly state: string
  /** Sorted set: position → when its retry is due, in ms of the server's clock. */
  readonly retry: string
  /** Sorted set: consumer → its last heartbeat, in ms of the server's clock. */
  readonly heartbeats: string
}

/** Owns what waits for its retry: a consumer of the group that never reads. */
export const RETRY_CONSUMER = '~retry'

export function groupKeys(stream: string, group: string): GroupKeys {
  const prefix = `${slotPrefix(stream)}group:${encodeURIComponent(group)}`
  return { stream, state: prefix, retry: `${prefix}:retry`, heartbeats: `${prefix}:heartbeats` }
}

/** The stream that takes the dead letters of `stream`. */
export const deadLetterKey = (stream: string): string => `${slotPrefix(stream)}dead-letter`

/** Holds the position and the digest of what was written under an idempotency key. */
export const idempotencyKey = (stream: string, key: string): string =>
  `${slotPrefix(stream)}idempotency:${key}`

/** Set: the streams first published to through the API or the command line, for the audit trail to follow. */
export const STREAM_REGISTRY_KEY = 'millrace:streams'
