import type { Operator } from './action-record.ts'

/** A consumer of a group, as the server and its heartbeat tell. */
export interface ConsumerStatus {
  readonly name: string
  readonly pending: number
  /** Since it last asked for entries or settled some, in ms. */
  readonly idleMs: number
  /** Since its last heartbeat, in ms: only consumers of Millrace have one. */
  readonly heartbeatMs?: number
  /**
   * `live`: its heartbeat is young, or, of other software, it was not idle for longer than `minIdleMs`. `retry` is no
   * consumer: it stands for what waits for its retry.
   */
  readonly state: 'live' | 'dead' | 'retry'
}

export interface PendingEntry {
  readonly position: string
  /** Who holds it; `~retry` for what waits for its retry. */
  readonly consumer: string
  readonly idleMs: number
  /** How often it was delivered; of an entry that waits for its retry, how often it was started. */
  readonly deliveries: number
  /** When its retry is due, in ms since 1970 by the server's clock. */
  readonly dueAt?: number
}

export interface PendingFilter {
  consumer?: string
  minIdleMs?: number
}

export interface PendingPage {
  /** `next` of the page before. */
  after?: string
  /** How many at most, 1 to 1000 (100). */
  limit?: number
}

/** Entries of a group by their positions (at most 1000), or all that one consumer holds. */
export type PendingSelection = { positions: readonly string[] } | { consumer: string }

export interface PendingOptions extends Operator {
  /** Change nothing, and answer what would be done. */
  dryRun?: boolean
  /** Also from a consumer that lives: it aborts what it loses, and settles nothing of it. */
  force?: boolean
}

export interface PendingResult {
  readonly done: number
  /** Positions that are not pending in this group, or not any more. */
  readonly missing: number
}

/**
 * Who reads for a group, and what they hold. Whatever changes something decides and acts in one step on the server for
 * up to 1000 entries, and leaves an ActionRecord in it. `UNKNOWN_STREAM`, `UNKNOWN_GROUP` and `UNKNOWN_CONSUMER` for what
 * is not there; `CONSUMER_BUSY` where a live consumer would lose something and `force` was not given.
 */
export interface GroupMembers {
  consumers(stream: string, group: string): Promise<ConsumerStatus[]>

  /** What is pending, in the order of positions; an answer may have fewer entries than asked for, and yet a `next`. */
  pending(
    stream: string,
    group: string,
    filter?: PendingFilter,
    page?: PendingPage,
  ): Promise<{ entries: PendingEntry[]; next?: string }>

  /**
   * Hands entries to another consumer, which must exist, with their delivery counts as they are. For groups of other
   * software, which have no other way; those of Millrace need `release`.
   */
  claim(
    stream: string,
    group: string,
    selection: PendingSelection,
    to: string,
    options: PendingOptions,
  ): Promise<PendingResult>

  /**
   * Gives entries back to a group of Millrace: any member that has time runs them next, with the attempts that they have
   * behind them. What waits for its retry is due at once.
   *
   * @throws MillraceError `GROUP_FOREIGN` for a group that no consumer of Millrace ever read for: nobody would come for them
   */
  release(
    stream: string,
    group: string,
    selection: PendingSelection,
    options: PendingOptions,
  ): Promise<PendingResult>

  /** Counts entries as done though nobody ran them; the audit trail does not hear of it. */
  acknowledge(
    stream: string,
    group: string,
    selection: PendingSelection,
    options: PendingOptions,
  ): Promise<PendingResult>

  /**
   * Removes a consumer that is dead and holds nothing: with one that holds something the server would drop that too.
   * Answers whether it was there.
   *
   * @throws MillraceError `CONSUMER_BUSY` where it lives, or holds something: release or claim that first
   */
  remove(
    stream: string,
    group: string,
    consumer: string,
    options: Pick<PendingOptions, keyof Operator | 'dryRun'>,
  ): Promise<boolean>
}
