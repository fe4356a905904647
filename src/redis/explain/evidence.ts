/** What is known of one consumer of a group. */
export interface ConsumerEvidence {
  readonly name: string
  readonly pending: number
  /** Since its last command, in ms. */
  readonly idleMs: number
  /** Since its last heartbeat, in ms: only consumers of Millrace have one. */
  readonly heartbeatMs?: number
  readonly live: boolean
  /** The oldest entry that it holds, where that is among the oldest of the group. */
  readonly oldest?: PendingEvidence
}

export interface PendingEvidence {
  readonly position: string
  /** Of the entry, by its position, in ms. */
  readonly ageMs: number
  /** Since it was delivered or claimed, in ms; a live consumer of Millrace begins it anew all the time. */
  readonly idleMs: number
  readonly deliveries: number
}

/** How a group stood when it was looked at twice. */
export interface Trend {
  readonly sampleMs: number
  readonly before: number
  readonly after: number
  /** How many entries came in, and how many it was delivered meanwhile. */
  readonly added: number
  readonly delivered: number
}

/** All that a diagnosis of one group is made of. */
export interface GroupEvidence {
  readonly stream: string
  readonly group: string
  /** Whether consumers of Millrace ever read for it; else it belongs to other software. */
  readonly millrace: boolean
  /** How many entries there are; positions of the oldest one and of the newest there ever was. */
  readonly length: number
  readonly first?: string
  readonly last: string
  readonly lastDelivered: string
  /** The server's own count; absent where it can't tell. */
  readonly entriesRead?: number
  /** Where it was made to begin, as far as it was by Millrace. */
  readonly started?: string
  /** Whether single entries were deleted from among those that are there. */
  readonly holes: boolean
  readonly behind: number | 'unknown'
  /** Of the oldest entry that it was not delivered, by its position, in ms. */
  readonly unreadAgeMs?: number
  readonly trend?: Trend
  /** Delivered and not acknowledged, what waits for its retry included. */
  readonly pending: number
  readonly waiting: number
  /** Redriven or replayed to this group alone, and not settled yet. */
  readonly inlet: number
  readonly pausedMs?: number
  readonly consumerCount: number
  /** Whether `consumers` are all of them. */
  readonly allConsumers: boolean
  readonly consumers: readonly ConsumerEvidence[]
  /** Of the oldest pending entries, how many were looked at, and how many are not in the stream any more. */
  readonly lookedAt: number
  readonly pendingGone: number
  readonly firstGone?: string
  /** Entries that were dropped between the last one that it was delivered and the first one that is there. */
  readonly unreadGone: number
  /** What retention has counted as dropped before it was delivered, or while it was pending, since the stream exists. */
  readonly recordedGone: number
  /** Of those that were looked at, how many were delivered too often, and the one most often. */
  readonly suspects: number
  readonly worst?: PendingEvidence & { readonly consumer: string }
  /** A consumer without heartbeats counts as dead when it was idle for so long, in ms. */
  readonly minIdleMs: number
}
