import type { NewEvent } from './event.ts'
import type { StreamDeclaration } from './stream.ts'

/**
 * Checks events against their declaration and answers them as they are to be written: what a publisher does before it
 * writes, its middleware included, which may make them more or fewer.
 */
export type PrepareEvents = (
  stream: StreamDeclaration,
  events: readonly NewEvent[],
) => Promise<readonly NewEvent[]>

/** How the outbox stands. */
export interface OutboxStatus {
  /** Events that wait to be published. */
  waiting: number
  /** How long ago the oldest of them was added, in ms; 0 when none waits. */
  oldestAgeMs: number
  /** Events that were given up: see {@link OutboxKeeper.failed}. */
  failed: number
}

/** An event that could not be published, however often it was tried. It stays until it is retried or discarded. */
export interface FailedOutboxEvent {
  /** Of the row, a whole number in digits that grows in the order of adding. */
  id: string
  eventId: string
  stream: string
  key: string | null
  attempts: number
  /** Why the last attempt failed. */
  error: string
  /** ISO 8601 in UTC. */
  failedAt: string
  createdAt: string
}

/** What whoever is on call can ask of the outbox and do about it. */
export interface OutboxKeeper {
  status(): Promise<OutboxStatus>
  /** What was given up, oldest first, at most `limit` (100), after the row `after`. */
  failed(page?: { limit?: number; after?: string }): Promise<FailedOutboxEvent[]>
  /**
   * Has rows that were given up published after all, with all their attempts; behind what their keys published
   * meanwhile. Answers how many there were.
   */
  retry(ids: readonly string[]): Promise<number>
  /** Deletes rows that were given up; their events are never published. Answers how many there were. */
  discard(ids: readonly string[]): Promise<number>
}
