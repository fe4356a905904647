import type { Operator } from './action-record.ts'
import type { Event } from './event.ts'
import type { Rate } from './pace.ts'

/** A dead letter as it lies there: what the entry was, and why its group gave it up. */
export interface StoredDeadLetter {
  /** Its position among the dead letters of its stream. It never changes, whatever is edited. */
  id: string
  stream: string
  group: string
  /** Where the entry stood, or still stands, in the stream. */
  position: string
  /** Of the event; the stream's name where the entry says none. */
  type: string
  /** As it would be delivered now, edits included; absent when it can't be decoded, which `undecodable` explains. */
  event?: Event
  undecodable?: string
  /** What kind of failure: an error's code or class. */
  error: string
  reason: string
  attempts: number
  /** The consumer that gave up. */
  consumer: string
  /** When it gave up, ISO 8601 in UTC. */
  time: string
  /** Names and values in turn, edits included. Empty when the entry was trimmed before its group gave it up. */
  fields: readonly string[]
  /** The fields as they came, when they were edited. */
  original?: readonly string[]
}

/** Which dead letters; what is left out does not matter. */
export interface DeadLetterFilter {
  group?: string
  type?: string
  error?: string
  /** When the group gave up, by the server's clock; both ends belong to it. */
  from?: Date
  to?: Date
}

export interface DeadLetterPage {
  /** `next` of the page before. */
  after?: string
  /** How many letters at most, 1 to 500 (50). */
  limit?: number
  /** `newest` first (default) or `oldest` first. */
  order?: 'newest' | 'oldest'
}

export interface DeadLetterList {
  letters: StoredDeadLetter[]
  /** Absent at the end. There may be fewer letters than asked for, even none, and yet more to come. */
  next?: string
}

/** How many letters are alike. */
export interface DeadLetterCount {
  group: string
  error: string
  type: string
  count: number
  /** Ids of the first and the last of them. */
  oldest: string
  newest: string
}

export interface DeadLetterSummary {
  /** All dead letters of the stream. */
  total: number
  /** The most frequent first, at most 1000. */
  counts: DeadLetterCount[]
  /** False where there are more than were looked at (100000 at most, the newest). */
  complete: boolean
}

/** What to change: attributes of the event, all fields of the entry, or everything back to how it came. */
export type DeadLetterChange =
  | { data?: unknown; type?: string }
  | { fields: readonly string[] }
  | { original: true }

/**
 * The letters by their ids, or all that fit a filter (`{}`: all) and lie there when the call begins; of a call that goes
 * on with what an earlier one left, those up to the letter that was the newest then.
 */
export type DeadLetterSelection = { ids: readonly string[] } | { filter: DeadLetterFilter; upTo?: string }

export interface DeadLetterActionOptions extends Operator {
  /** Change nothing, and answer what would be done. */
  dryRun?: boolean
  /** Letters a second (1000); Infinity for as many as it can. */
  ratePerSecond?: Rate
  /** How many letters at most, the oldest first. */
  limit?: number
  /** Ends it between two steps; what was done stays done. */
  signal?: AbortSignal
  /** Called after every step with the numbers so far. */
  onProgress?: (progress: DeadLetterProgress) => void
}

export interface DeadLetterProgress {
  /** Letters redriven or discarded. */
  done: number
  /** Letters that stay where they are, for a reason of their own. */
  refused: number
  /** Letters that were not there any more: somebody was faster, or this very call before its reply was lost. */
  missing: number
}

/**
 * `unknown-group`: there is no such group any more. `trimmed`: nothing is left of the entry; edit its fields first.
 * `too-wide`: more fields (about 3900) than can be written in one step. `not-a-letter`: nothing says which group it
 * belongs to.
 */
export type RefusalCode = 'unknown-group' | 'trimmed' | 'too-wide' | 'not-a-letter'

export interface DeadLetterResult extends DeadLetterProgress {
  /** The first 100 of what was refused. */
  refusals: { id: string; code: RefusalCode; message: string }[]
  /** False when `limit` or `signal` ended it early. */
  complete: boolean
}

/** The streams of which dead letters are there. */
export interface DeadLetterStreams {
  streams: { stream: string; letters: number }[]
  /** Absent at the end. There may be no streams in an answer, and yet more to come. */
  next?: string
}

/**
 * The dead letters of streams, for whoever has to understand and mend them. No call does unbounded work: one that
 * looks through much answers what it found and where to go on. A letter is redriven or discarded once, whoever asks
 * for it how often. What changes anything leaves an ActionRecord in the same step.
 */
export interface DeadLetters {
  list(stream: string, filter?: DeadLetterFilter, page?: DeadLetterPage): Promise<DeadLetterList>
  /** `UNKNOWN_DEAD_LETTER` when it is not there. */
  get(stream: string, id: string): Promise<StoredDeadLetter>
  /** What there is, by group, error and type. */
  summary(stream: string, filter?: DeadLetterFilter): Promise<DeadLetterSummary>
  /** Looks through the keys of Redis, a few thousand a call. */
  streams(after?: string): Promise<DeadLetterStreams>
  /** What will be redriven from now on; what came stays readable as `original`. `UNKNOWN_DEAD_LETTER` as in `get`. */
  edit(stream: string, id: string, change: DeadLetterChange, operator: Operator): Promise<StoredDeadLetter>
  /**
   * Delivers the entries once more, to the group that gave them up and to no other, beginning with attempt 1. The
   * event keeps its id, source and time.
   */
  redrive(
    stream: string,
    selection: DeadLetterSelection,
    options: DeadLetterActionOptions,
  ): Promise<DeadLetterResult>
  /** Deletes letters for good. */
  discard(
    stream: string,
    selection: DeadLetterSelection,
    options: DeadLetterActionOptions,
  ): Promise<DeadLetterResult>
}
