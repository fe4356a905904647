import type { RetentionTarget } from './retention-policy.ts'

/** What one step of trimming did. */
export interface TrimStep {
  /** Entries that went because nobody needed them any more. */
  readonly trimmed: number
  /** Entries that the hard cap dropped though somebody may have needed them. */
  readonly capped: number
  /** Whether there is more to do right now. */
  readonly more: boolean
}

/** Who keeps entries from being trimmed that the limits would let go. */
export interface Blocker {
  /** `declared` is a group that does not exist yet. */
  readonly kind: 'group' | 'declared' | 'hold'
  readonly name: string
  /** Everything from here on is needed by it. */
  readonly position: string
  /** Since when it blocks without a break, in ms since 1970 by the server's clock. */
  readonly since: number
}

/** What a hard cap dropped from under a group, or from under a hold, since the stream exists. */
export interface TrimmedUnread {
  readonly kind: 'group' | 'hold'
  readonly name: string
  /** Entries that were never delivered to it. */
  readonly unread: number
  /** Entries that were delivered and not yet acknowledged; always 0 for a hold. */
  readonly pending: number
}

/** A group that lags and that no consumer has shown itself in for longer than the policy allows. */
export interface AbandonedGroup {
  readonly group: string
  /** For how long no consumer has shown itself, in ms. */
  readonly silentMs: number
  /** How many entries are pending in it. */
  readonly pending: number
  /** Whether it was destroyed just now, as the policy wants; never a declared group. */
  readonly expired: boolean
}

/** How a stream stands after trimming. */
export interface RetentionState {
  readonly length: number
  /** The oldest entry that is there; absent when there is none. */
  readonly first?: string
  readonly blockers: readonly Blocker[]
  readonly trimmedUnread: readonly TrimmedUnread[]
  readonly abandoned: readonly AbandonedGroup[]
}

/** A group that was destroyed because it was abandoned. */
export interface ExpiredGroup {
  readonly group: string
  /** When, in ms since 1970 by the server's clock. */
  readonly at: number
  readonly silentMs: number
  /** How many entries were pending in it. */
  readonly pending: number
  readonly lastDelivered: string
}

/** What trimming would do. */
export interface TrimCount {
  /** Entries that nobody needs and the limits let go, without those that lie between pending ones. */
  readonly trimmed: number
  /** Entries that the hard cap would drop beside them. */
  readonly capped: number
  /** False where there are more than were counted (1000000). */
  readonly complete: boolean
}

/**
 * Drops what a policy lets go and nobody needs. An entry is needed by every group that it was not delivered to or in
 * which it is pending, whoever's software that is; by every declared group that does not exist yet; and by every hold
 * at or below it. Each call decides and acts in one step on the server, so that several instances do no harm to each
 * other.
 */
export interface Retention {
  /** One step, short enough not to hold up others; what remains is for the next. A stream that is not there is done. */
  trim(target: RetentionTarget): Promise<TrimStep>

  /** How much trimming would drop now; changes nothing. */
  count(target: RetentionTarget): Promise<TrimCount>

  /** Says how the stream stands, and expires abandoned groups where the policy wants it. */
  inspect(target: RetentionTarget): Promise<RetentionState>
}
