import type { Operator } from './action-record.ts'

/** Where a group is to read on. */
export interface ResetRequest {
  stream: string
  group: string
  /**
   * `start`, `end`, a position after which to read on (as a group's own `start`), or a moment: the first entry of it
   * or after it is the next.
   */
  to: string | Date
  /**
   * What happens to entries at or below the new place that are pending, waiting for their retry included: `keep`
   * (default) leaves them as they are, so that nothing is missed; `drop` counts them as done. What is pending above
   * the new place is dropped in any case: it is read again, with its attempts starting anew.
   */
  pending?: 'keep' | 'drop'
}

export interface ResetPreview {
  /** The last entry that the group was given, and what that will be. */
  from: string
  to: string
  direction: 'back' | 'forward' | 'nowhere'
  /** How many entries will be read again (`back`) or never (`forward`). */
  entries: number
  /** False where there are more than were counted (1000000). */
  complete: boolean
  /** Pending entries, those waiting for a retry included, that go and that stay. */
  dropped: number
  kept: number
  /** Consumers that live: heard of within the last 10 s. */
  live: string[]
}

export interface ResetOptions extends Operator {
  /** Reset even though consumers live. What they hold is lost to them: they abort it, and settle nothing of it. */
  force?: boolean
}

/**
 * Sets where a group reads on. Everything that belonged to the old place goes in the same step: attempts, retries
 * that wait, the low-water mark; so nothing of the past dead-letters what is read again. What was redriven or
 * replayed to the group and still waits is not touched.
 *
 * Entries that are read again are new to the group: attempt 1. Not so to an inbox or to deduplication by event id:
 * both remember what this group has processed, so a transactional handler acknowledges such an entry without a second
 * effect. That makes going back safe where effects were lost or are in doubt; to have all effects once more, use
 * `Replays.replay` into the group, whose copies both let pass.
 */
export interface GroupResets {
  /** What a reset would mean. `UNKNOWN_STREAM`, `UNKNOWN_GROUP`. */
  preview(request: ResetRequest): Promise<ResetPreview>
  /** `GROUP_BUSY` when consumers live, unless with `force`. Answers what became of what was pending. */
  reset(
    request: ResetRequest,
    options: ResetOptions,
  ): Promise<Pick<ResetPreview, 'from' | 'to' | 'dropped' | 'kept'>>
}
