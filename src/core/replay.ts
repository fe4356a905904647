import type { Operator } from './action-record.ts'
import type { Rate } from './pace.ts'

/** A place in a stream: a position, or the first entry of a moment or after it. */
export type Place = string | Date

/** The part of a stream that is meant; both ends belong to it. */
export interface ReplayRange {
  stream: string
  /** The start of the stream when left out. */
  from?: Place
  /** What is the end of the stream when the replay starts when left out: what comes later does not belong to it. */
  to?: Place
}

export interface ReplayRequest extends ReplayRange, Operator {
  /**
   * Unique within the stream. A replay under the name of one that ended early goes on where that stood; under the name
   * of one that is done it does nothing.
   */
  name: string
  /** One group alone, or another stream for all of its groups; with `create`, one that must not be there yet. */
  target: { group: string } | { stream: string; create?: boolean }
  /** Entries a second (1000); Infinity for as many as it can. */
  ratePerSecond?: Rate
  /** Stops it between two steps; it can go on later, but retention no longer waits for it. */
  signal?: AbortSignal
  /** Ends the call between two steps, and leaves the replay to another call which goes on: what it needs is kept. */
  leave?: AbortSignal
  /** Called after every step. */
  onProgress?: (progress: ReplayProgress) => void
}

export interface ReplayProgress {
  name: string
  stream: string
  target: { group: string } | { stream: string }
  /** The range, with both ends fixed when it began. */
  from: string
  to: string
  /** The last entry that was dealt with; absent before the first. */
  position?: string
  copied: number
  /** Entries with more fields than can be written in one step (about 3900): left out. */
  skipped: number
  /** `running` also of one whose process died: call again to go on, or `abandon` it. */
  state: 'running' | 'stopped' | 'done'
  /** ISO 8601 in UTC. */
  startedAt: string
  updatedAt: string
}

export interface RangeCount {
  /** Of the first and the last entry of the range; absent when it is empty. */
  first?: string
  last?: string
  entries: number
  /** False where there are more than were counted (1000000). */
  complete: boolean
}

/**
 * Delivers entries again that lie in a stream. Copies keep the bytes of all fields; an event of Millrace keeps its
 * `id`, `source` and `time`. Each entry is copied once, also if the process dies and another goes on, or two run one
 * replay at the same time: copying and remembering it are one step.
 *
 * Into a group: the copies reach the consumers of that group alone, beside what is new, as first attempts. They have
 * positions of their own, and deduplication by event id lets them pass, so effects that were made are made again: also
 * those of a transactional handler, whose inbox does not know them.
 *
 * While a replay runs, and for a day after its process died, retention keeps what it still needs.
 */
export interface Replays {
  /**
   * Resolves when it is done, stopped by `signal`, or left as `running`. After an error it is still `running` and what it needs is kept:
   * call again to go on, or `abandon` it.
   *
   * `UNKNOWN_STREAM`, `UNKNOWN_GROUP`; `GROUP_FOREIGN` for a group for which other software reads; `REPLAY_CONFLICT` when
   * the name is that of another replay, or the stream that it was to create is there, or was deleted meanwhile.
   */
  replay(request: ReplayRequest): Promise<ReplayProgress>
  /** How much a replay of the range would copy. `UNKNOWN_STREAM` when there is no such stream. */
  count(range: ReplayRange): Promise<RangeCount>
  /** How a replay stands; undefined for a name that is not known, and 7 days after its end. */
  progress(stream: string, name: string): Promise<ReplayProgress | undefined>
  /** Lets go of what a replay that nobody runs needs: it may be trimmed then. What is left of it can be gone on with. */
  letGo(stream: string, name: string): Promise<void>
  /** Forgets a replay and lets go of what it needs; one that runs stops. Answers whether there was one. */
  abandon(stream: string, name: string, operator: Operator): Promise<boolean>
}
