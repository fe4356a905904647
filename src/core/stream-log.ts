import type { MillraceError } from './errors.ts'

/**
 * What the log holds: a position and the names and values of its fields, in turn: `[name, value, name, value, …]`.
 * What they mean is the codec's business.
 */
export interface Entry {
  readonly position: string
  readonly fields: readonly string[]
}

export interface NewEntry {
  /** At least one name with its value. */
  fields: readonly string[]
  /** Writing again under a key that was used within `idempotencyTtlMs` answers the first position, and writes nothing. */
  idempotencyKey?: string
  durability?: Durability
}

/**
 * When an entry counts as written: not before so many replicas say that they have it. It stands also where fewer did in
 * time, and `PUBLISH_NOT_REPLICATED` tells so. A failover can still choose a replica that is none of them.
 */
export interface Durability {
  /** How many: at least 1, or 0 where `fsync` is set. */
  replicas: number
  /**
   * Whether it must be on the disks of the master and of these replicas. Needs Valkey, or Redis 7.2, with an append-only
   * file; elsewhere nothing is written, and `REDIS_UNSUITABLE` says so. Off by default.
   */
  fsync?: boolean
  /** How long to wait for them, in ms (1000). */
  timeoutMs?: number
}

/**
 * A durable log of entries with consumer groups. Two implementations pass the same conformance suite: streams on
 * Redis, and one in memory for tests.
 */
export interface StreamLog {
  /**
   * Writes entries in the order given, creating the stream if need be. Answers a position for each, or why that one
   * was not written; entries fail one by one, for instance when an idempotency key was used for other content.
   * `PUBLISH_UNCERTAIN` means that the reply was lost: the entry may or may not be there.
   */
  append(stream: string, entries: readonly NewEntry[]): Promise<(string | MillraceError)[]>

  /**
   * Entries after `after` (exclusive; {@link FIRST_POSITION} for the start), oldest first, at most `limit`. With
   * `waitMs` it waits that long for the first one. `UNKNOWN_STREAM` when there is no such stream.
   */
  read(stream: string, after: string, limit: number, options?: ReadOptions): Promise<Entry[]>

  /** The position of the newest entry ever written, or {@link FIRST_POSITION}. `UNKNOWN_STREAM` as in `read`. */
  lastPosition(stream: string): Promise<string>

  /** The stream that takes the dead letters of `stream`, whichever of its groups gives up. */
  deadLetterStream(stream: string): string

  /**
   * Becomes a consumer of a group; stream and group are created if need be. A group that was there before begins again
   * at its low-water mark, whatever `start` says, so that nothing is missed. Whoever joins calls `leave`.
   */
  join(membership: Membership): Promise<Consumer>
}

export interface ReadOptions {
  /** How long to wait for the first entry, in ms (0: not at all). */
  waitMs?: number
  /** Ends the waiting; what is answered then is no entries. */
  signal?: AbortSignal
}

export interface Membership {
  stream: string
  group: string
  /** Unique per consumer: two consumers of one name would share a pending list. */
  consumer: string
  /** Where a group that does not exist yet begins: `0` (default), `$` for what comes from now on, or a position. */
  start?: string
  /** How long a consumer of other software may be silent about an entry before it is claimed from it. */
  minIdleMs?: number
  /** Longest pause between two looks for entries that a consumer of other software left behind. */
  claimIntervalMs?: number
  /** How long after its last heartbeat a consumer of ours counts as dead. */
  deadAfterMs?: number
  /**
   * One member of the group at a time gets entries: whoever holds its lease. A successor waits until the lease of a
   * holder that died has run out (`deadAfterMs`), and first learns of everything that is pending, in the order of
   * positions, what waits for its retry included; only then it gets what is new. Off by default.
   */
  exclusive?: boolean
  /** At most so many entries are handed out in any `perMs`, over all members of the group together, redelivered ones too. */
  rateLimit?: RateLimit
}

export interface RateLimit {
  /** How many, at least 1. */
  count: number
  /** In how many ms. */
  perMs: number
}

/** An entry that this consumer now holds, until it is settled or lost. */
export interface Claim extends Entry {
  /** Starts so far, this one included. */
  readonly attempt: number
  /**
   * Where it comes from: never delivered before, due for its retry, or taken over from a consumer that died. `parked`
   * comes to a successor in an exclusive group alone: an entry that waits for its retry and is not ours to run or to
   * settle yet; it is told so that its key can wait for it.
   */
  readonly origin: 'new' | 'retry' | 'abandoned' | 'parked'
  /** For an entry that was redriven or replayed to this group: what it is a copy of. */
  readonly copyOf?: CopyOf
}

/** Where an entry that was handed to one group once more stood, or still stands, in the stream. */
export interface CopyOf {
  readonly position: string
  readonly cause: 'redrive' | 'replay'
}

/** How a claim ended. */
export type Outcome =
  | {
      kind: 'acknowledge'
      position: string
      /** Entries to write, to streams of the same slot, in the same step: both happen or neither. */
      produce?: readonly Produced[]
      /** What {@link Consumer.reserve} was asked with; remembered in the same step, so that a second one is a duplicate. */
      identity?: string
    }
  /** Waits `delayMs`, durably and for this group alone, then is claimed again with the next attempt. */
  | { kind: 'retry'; position: string; attempts: number; delayMs: number }
  /** Given back: claimed again by whoever asks first, after `delayMs` (0). `attempts` are the starts that count so far. */
  | { kind: 'release'; position: string; attempts: number; delayMs?: number }
  /** `identity` is free again: another entry of the same may run. */
  | { kind: 'dead-letter'; position: string; attempts: number; letter: DeadLetter; identity?: string }

export interface Produced {
  readonly stream: string
  readonly fields: readonly string[]
}

export interface DeadLetter {
  /** What kind of failure, low in cardinality: an error's code or class. */
  error: string
  /** In words, for whoever looks at it later. */
  reason: string
}

/** An entry that should run once among all that carry the same identity. */
export interface Reservation {
  readonly position: string
  /** Of the event, such as its source and id together. */
  readonly identity: string
}

/**
 * `run`: this entry is the first of its identity, now or by an earlier start. `duplicate`: another one was
 * acknowledged, so this one needs no run. `wait`: another one is under way, and may still fail.
 */
export type Verdict = 'run' | 'duplicate' | 'wait'

/**
 * One member of a group. `claim` calls never overlap; everything else may run beside one.
 * Only the worker settles claims.
 */
export interface Consumer {
  /** Whether what was handed out may start now: not when the lease of an exclusive group has run out. */
  readonly mayRun: boolean

  /**
   * Entries to run: due retries, abandoned ones and new ones. Waits up to `waitMs` for the first, less if a retry is
   * due sooner, and answers none when nothing came or `signal` was aborted, while the group is paused or its rate is
   * used up, or while another member holds the lease of an exclusive group. It heals a group that is gone. Connection
   * faults are raised; the caller backs off and calls again, and nothing is lost by it.
   */
  claim(limit: number, waitMs: number, signal: AbortSignal): Promise<Claim[]>

  /**
   * Writes down that these redelivered claims start now; a first delivery counts as started by itself. Answers the
   * positions that are no longer ours and must not run.
   */
  begin(claims: readonly Claim[]): Promise<string[]>

  /** Makes entries that wait for their retry due now; what does not wait is left alone. */
  expedite(positions: readonly string[]): Promise<void>

  /** Which of these entries wait for their retry still, in this group. */
  waiting(positions: readonly string[]): Promise<string[]>

  /**
   * Reserves identities for the entries that carry them, for `ttlMs`, and answers a verdict for each. A reservation
   * belongs to its position, whoever runs it, so it survives a crash between the effect and the acknowledgement.
   */
  reserve(reservations: readonly Reservation[], ttlMs: number): Promise<Verdict[]>

  /**
   * Refuses what can't be written in the same step as an acknowledgement, such as an entry for a stream of another slot.
   *
   * @throws InvalidError `EVENT_INVALID`
   */
  checkProduced(produced: Produced): void

  /**
   * Settles claims, each if it is still ours; answers the positions that were not, which are all where the group is
   * gone. What was claimed anew since, and begun, is not what was ours. Nothing is settled twice, and a call that failed may be made again. The dead letter of an entry that was
   * trimmed meanwhile is a tombstone, with the reason and no fields.
   */
  settle(outcomes: readonly Outcome[]): Promise<string[]>

  /**
   * Says that we live and work on what we hold, and records the group's low-water mark. Answers the positions that we
   * lost to others, or with the group.
   */
  heartbeat(): Promise<string[]>

  /** Hands back what is still held, to be claimed at once with no attempt spent, and leaves the group. Idempotent. */
  leave(): Promise<void>
}
