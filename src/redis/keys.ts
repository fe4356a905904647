import { hash } from 'node:crypto'
import { slotPrefix } from './slots.ts'

/** The keys beside a stream that belong to one of its groups; all live in the stream's slot. */
export interface GroupKeys {
  readonly stream: string
  /**
   * Hash: `low`, the position at or below which everything is acknowledged; `added`, how many entries the stream had ever
   * taken when that was recorded, by which one that was written anew is known; `paused`, since when, in ms, while it is;
   * `trimmed`, how many entries were trimmed away while they were pending.
   */
  readonly state: string
  /** Sorted set: position → when its retry is due, in ms of the server's clock. */
  readonly retry: string
  /** Sorted set: consumer → its last heartbeat, in ms of the server's clock. */
  readonly heartbeats: string
  /** String: the one member of an exclusive group that gets entries; it expires when that member is not heard of. */
  readonly lease: string
}

/** Owns what waits for its retry: a consumer of the group that never reads. */
export const RETRY_CONSUMER = '~retry'

export function groupKeys(stream: string, group: string): GroupKeys {
  const prefix = `${slotPrefix(stream)}group:${encodeURIComponent(group)}`
  return {
    stream,
    state: prefix,
    retry: `${prefix}:retry`,
    heartbeats: `${prefix}:heartbeats`,
    lease: `${prefix}:lease`,
  }
}

/**
 * String: the position that reserved an identity, or {@link SEEN}. Identities can be of any length, so the key holds a
 * digest.
 */
export const seenKey = (stream: string, group: string, identity: string): string =>
  `${groupKeys(stream, group).state}:seen:${hash('sha256', identity, 'base64url')}`

/** What a reservation holds once its entry was acknowledged. */
export const SEEN = 'done'

/** Hash: part of the window → how many entries were handed out in it. A limit over another time counts by itself. */
export const rateKey = (stream: string, group: string, perMs: number): string =>
  `${groupKeys(stream, group).state}:rate:${perMs}`

/**
 * Stream: copies of entries for one group alone, which its consumers read beside the stream: what was redriven or
 * replayed. Such an entry has the fields of what it is a copy of and then, last, those of {@link COPY_FIELDS}.
 */
export const inletKey = (stream: string, group: string): string => `${groupKeys(stream, group).state}:inlet`

/** All keys beside a stream that one of its groups has to itself, but for those that expire. */
export function companionsOf(stream: string, group: string): string[] {
  const inlet = inletKey(stream, group)
  const { stream: _, ...own } = groupKeys(stream, group)
  return [...Object.values(own), ...Object.values(groupKeys(inlet, group))]
}

/** The position of the original, and why it was copied (`redrive` or `replay`). */
export const COPY_FIELDS = { position: 'millrace-copy-of', cause: 'millrace-copy-cause' } as const

/** The stream that takes the dead letters of `stream`. */
export const deadLetterKey = (stream: string): string => `${slotPrefix(stream)}dead-letter`

/** Holds the position and the digest of what was written under an idempotency key. */
export const idempotencyKey = (stream: string, key: string): string =>
  `${slotPrefix(stream)}idempotency:${key}`

/** Set: the streams first published to through the API or the command line, for the audit trail to follow. */
export const STREAM_REGISTRY_KEY = 'millrace:streams'

/** Hash: pipeline → the cursor of its source, up to which everything is in the stream. */
export const cursorsKey = (service: string): string => `millrace:cursors:${encodeURIComponent(service)}`

/** String: the instance that reads the source of a pipeline; it expires when that is not heard of. */
export const sourceLeaseKey = (service: string, pipeline: string): string =>
  `${slotPrefix(cursorsKey(service))}lease:${encodeURIComponent(pipeline)}`

/** Strings: client → how many requests it made in the current window of time; each expires with its window. */
export const CLIENT_RATE_PREFIX = 'millrace:rate:'
