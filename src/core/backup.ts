import { MillraceError } from './errors.ts'

/**
 * What a backup holds, and the ports by which it is read from a server and brought back.
 *
 * Of each stream: its entries as bytes, its counters, its groups with their positions, consumers and pending entries, and
 * what Millrace keeps beside it: the state and the retries of groups, their inlets, dead letters with their edits, records of
 * actions, what is scheduled, what retention remembers. Not what is over soon in any case: idempotency keys, reservations,
 * limits of rate, holds, leases, heartbeats, the progress of replays and jobs.
 *
 * A stream is consistent in itself: it ends where it ended when its turn came, and every entry up to there that a group had
 * not acknowledged is pending in the backup, or unread. An entry that is acknowledged meanwhile may be either. Between
 * streams nothing is promised: the last one is read later than the first.
 */

/** Says what the parts of a record are; the number stands in the file. */
export const RECORD = {
  /** Name, and `1` for one that the audit trail follows. All up to `end` belongs to it. */
  stream: 1,
  /** A log of the stream. Suffix of its key, last position, entries ever added. One that comes twice goes on. */
  log: 2,
  /** Of the log: name, last delivered position, entries read (empty: unknown). All come before the entries. */
  group: 3,
  /** Of the log, in order: position, then names and values in turn. */
  entry: 4,
  /** Of the log: the highest deleted position, after the entries were read. What follows is about this log still. */
  deleted: 5,
  /** Of a group: its name, the consumer's, and `1` for one of Millrace, whose entries may be taken over at once. */
  consumer: 6,
  /** Of a group, in order: its name, position, consumer, how often it was delivered, ms since that. */
  pending: 7,
  /** Suffix of a key, then names and values of a hash. A key may have several of these, here and below. */
  hash: 8,
  /** Suffix of a key, then members and scores of a sorted set. */
  sorted: 9,
  /** Suffix of a key, then the items of a list. Only one for a key. */
  list: 10,
  /** Time and id: what waited for its time before these was moved into the log before the log ended. */
  due: 11,
  /** The stream is complete: how many entries and how many pending entries it has in all of its logs. */
  end: 12,
} as const

export type RecordKind = (typeof RECORD)[keyof typeof RECORD]

/**
 * One piece of a backup. Keys stand as suffixes, so that they can be restored beside a stream of another name: what follows
 * the prefix that puts a key into the slot of its stream, and `''` for the stream itself.
 */
export interface BackupRecord {
  readonly kind: RecordKind
  readonly parts: readonly Buffer[]
}

/** Which streams: all but those that Millrace keeps for itself, unless some are named. */
export interface StreamChoice {
  /** By their names, each of which must be there. */
  readonly streams?: readonly string[]
  /** By a pattern of their names, `*` for any characters. */
  readonly match?: string
}

/** How far a stream was read already. */
export interface ReadFrom {
  /** The logs that are read, by their suffixes, and where they ended. */
  readonly done: ReadonlyMap<string, string>
  /** The log that was being read. */
  readonly log: string
  readonly lastPosition: string
  /** The positions of its groups by their names. */
  readonly delivered: ReadonlyMap<string, string>
  /** The last entry that is there already; the log goes on behind it. */
  readonly after: string
}

/** Reads streams for a backup. */
export interface BackupSource {
  /**
   * The names, sorted.
   *
   * @throws MillraceError `UNKNOWN_STREAM`
   */
  choose(choice: StreamChoice): Promise<string[]>
  /** How many entries the streams have, with all that is beside them; about, since they live. */
  count(streams: readonly string[]): Promise<number>
  /**
   * All records of a stream but the last, `end`, in pages of bounded size. While it is read a hold keeps retention from trimming what is yet to
   * be read, where the user of the connection may set one.
   *
   * @param name of the hold
   * @param from the pages go on there, and do not begin with the stream and the log once more
   */
  read(
    stream: string,
    name: string,
    signal: AbortSignal,
    from?: ReadFrom,
  ): AsyncIterable<readonly BackupRecord[]>
}

/** What was brought back of a stream. */
export interface Restored {
  readonly entries: number
  readonly pending: number
  /** Pending entries that were gone from their stream already: they can never run, and no group has them any more. */
  readonly gone: number
}

/** Builds one stream where nobody sees it, until it appears as a whole. Calls do not overlap. */
export interface StagedStream {
  /** Takes the next records; may hold some back. What was taken before, by this run or another one, is passed over. */
  take(records: readonly BackupRecord[]): Promise<void>
  /**
   * Makes the stream appear with all that is beside it, in one step.
   *
   * @throws MillraceError `RESTORE_CONFLICT` where one of its keys has come into being meanwhile: nothing appears
   */
  appear(): Promise<Restored>
  /** Forgets that it appeared, which it does until then: call it when that is written down elsewhere. */
  settle(): Promise<void>
  /** Deletes what was built and did not appear. */
  discard(): Promise<void>
}

/** Brings streams back. */
export interface RestoreTarget {
  /** The keys that are in the way of these streams; what the run itself made appear is not. */
  existing(targets: readonly TargetKeys[], run: string): Promise<string[]>
  /**
   * Builds a stream, or goes on building it.
   *
   * @param run its name: one that goes on has the same
   */
  stage(target: TargetKeys, run: string): Promise<StagedStream>
}

/** A stream to bring back: its new name, and the suffixes of all keys that it has in the backup. */
export interface TargetKeys {
  readonly stream: string
  readonly suffixes: readonly string[]
}

/** What is in a backup of one stream. */
export interface BackedUpStream {
  readonly name: string
  /** In all of its logs: dead letters, inlets and records of actions included. */
  readonly entries: number
  readonly pending: number
  readonly groups: readonly string[]
  /** How many dead letters, and how many entries that wait for their time, are among what is beside it. */
  readonly deadLetters: number
  readonly scheduled: number
}

/** What is in a backup, all of which was checked. */
export interface BackupContents {
  /** ISO 8601 in UTC: when it was begun. */
  readonly createdAt: string
  /** Of the job that wrote it. */
  readonly id: string
  readonly formatVersion: number
  readonly bytes: number
  readonly entries: number
  readonly pending: number
  readonly streams: readonly BackedUpStream[]
}

/** Nothing is overwritten. Lists all that is in the way: an operator has to decide once. */
export function restoreConflict(keys: readonly string[]): MillraceError {
  const what =
    keys.length === 1
      ? 'a key that would be restored exists'
      : `${keys.length} keys that would be restored exist`
  const names = keys.map((key) => JSON.stringify(key)).join(', ')
  const advice = 'stop what writes there and delete what is not needed, or restore under another name'
  return new MillraceError(
    'RESTORE_CONFLICT',
    `${what} already: ${names}. Nothing of it was written; ${advice}`,
  )
}
