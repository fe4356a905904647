import type { Operator } from './action-record.ts'

/** Keeps entries of a stream from being trimmed. */
export interface Hold {
  readonly name: string
  /** Everything at or above is kept. */
  readonly position: string
  /** When it ends by itself, in ms since 1970 by the server's clock; absent for one that must be released. */
  readonly expiresAt?: number
}

export interface HoldOptions {
  /** Ends the hold so many ms later unless it is moved before, so that one of a dead process does not stay. */
  ttlMs?: number
}

/**
 * Named holds on streams: while one is in force, retention keeps everything at or above its position. Where an operator is
 * given, whatever is set or released leaves an ActionRecord in the same step (`hold`, `release-hold`).
 */
export interface Holds {
  /**
   * Sets a hold, or replaces the one of that name. It brings back nothing: read on from what is there.
   *
   * @throws MillraceError `CONFIGURATION_INVALID` for a position or time to live that is none
   * @example
   * await holds.set('user:events', 'backup', '0-0', { ttlMs: 60_000 })
   */
  set(
    stream: string,
    name: string,
    position: string,
    options?: HoldOptions,
    operator?: Operator,
  ): Promise<void>
  /**
   * Moves a hold that is in force, and begins its time to live anew. Answers false when it is not any more: it has
   * expired or was released, and entries above its position may be gone.
   */
  move(stream: string, name: string, position: string, options?: HoldOptions): Promise<boolean>
  /** Answers whether there was one. */
  release(stream: string, name: string, operator?: Operator): Promise<boolean>
  /** The holds in force. */
  list(stream: string): Promise<Hold[]>
}
