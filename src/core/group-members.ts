import type { Operator } from './action-record.ts'

/** How long a consumer of other software may do nothing until it counts as dead, in ms. */
export const DEFAULT_MIN_IDLE_MS = 60_000
/** How many entries one call may name. */
export const MAX_POSITIONS = 1_000

/** A consumer of a group, as the server and its heartbeat tell. */
export interface ConsumerStatus {
  readonly name: string
  /** What was redriven or replayed to the group included. */
  readonly pending: number
  /** Since it last asked for entries or settled some, in ms. */
  readonly idleMs: number
  /** Since its last heartbeat, in ms: only consumers of Millrace have one. */
  readonly heartbeatMs?: number
  /**
   * `live`: its heartbeat is younger than 10 s, or, of other software, it did something within `minIdleMs`. `retry` is
   * no consumer: it stands for what waits for its retry.
   */
  readonly state: 'live' | 'dead' | 'retry'
}

/** Who counts as alive. */
export interface Liveness {
  /** A consumer of other software that did nothing for so many ms is dead (60000). Those of Millrace have heartbeats. */
  minIdleMs?: number
}

export interface PendingEntry {
  /**
   * As in a delivery: what was redriven or replayed to this group alone has `inlet/` before it. The methods below take
   * such positions as well.
   */
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

/** Entries of a group by their positions (at most 1000), or all that one consumer holds; `~retry` is one here. */
export type PendingSelection = { positions: readonly string[] } | { consumer: string }

export interface PendingOptions extends Operator, Liveness {
  /** Change nothing, and answer what would be done. */
  dryRun?: boolean
  /** Also from a consumer that lives: it aborts what it loses, and settles nothing of it. */
  force?: boolean
}

export interface PendingResult {
  readonly done: number
  /** Positions that are not pending in this group, or not any more, or where the call would bring them already. */
  readonly missing: number
  /**
   * Entries that are not in the stream any more, so that nobody can run them. They are let go of, and in a group of
   * Millrace a dead letter marks each. A dry run counts them as done.
   */
  readonly trimmed: number
}

/**
 * Who reads for a group, and what they hold. Whatever changes something decides and acts in one step on the server, and
 * leaves an ActionRecord in it, for 250 entries at a time; what is more takes several steps of one `run`, in the order of
 * positions. Positions that would be refused are refused before the first step. Where two do the same at once, each entry
 * counts for one of them; so a call that failed may be made again.
 *
 * `UNKNOWN_STREAM`, `UNKNOWN_GROUP` and `UNKNOWN_CONSUMER` for what is not there; `CONSUMER_BUSY` where a live consumer
 * would lose something and `force` was not given, in a dry run as well; `CONFIGURATION_INVALID` for positions that are
 * none, for none at all, and for more than 1000.
 */
export interface GroupMembers {
  /** In the order of their names. Standing by is being a consumer too: one that never got anything may be among them. */
  consumers(stream: string, group: string, options?: Liveness): Promise<ConsumerStatus[]>

  /**
   * What is pending, in the order of positions, and then what is pending of redriven and replayed copies. An answer may
   * have fewer entries than asked for, or none, and yet a `next`.
   */
  pending(
    stream: string,
    group: string,
    filter?: PendingFilter,
    page?: PendingPage,
  ): Promise<{ entries: PendingEntry[]; next?: string }>

  /**
   * Hands entries to another consumer, which must exist, with their delivery counts as they are. For consumers of other
   * software, which have no other way; whoever takes them must read what is pending to it (`XREADGROUP … 0`).
   *
   * @throws MillraceError `CONFIGURATION_INVALID` for a consumer of Millrace as the one that gets them: `release` them,
   *   and any member that has time takes them
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
   * behind them. What waits for its retry is due at once. In a group that keeps the order, what is taken by force from the
   * member that lives may be overtaken by later entries of its key.
   *
   * @throws MillraceError `GROUP_FOREIGN` for a group that no consumer of Millrace ever read for: nobody would come for them
   */
  release(
    stream: string,
    group: string,
    selection: PendingSelection,
    options: PendingOptions,
  ): Promise<PendingResult>

  /**
   * Counts entries as done though nobody ran them; the audit trail does not hear of it. An event of the same identity
   * that comes later is run, also where events are deduplicated: this one was not.
   */
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
    options: Omit<PendingOptions, 'force'>,
  ): Promise<boolean>
}
