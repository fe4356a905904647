import type { Operator } from './action-record.ts'

export interface GroupDeletion {
  /** What goes with it: entries that are pending, and those that it never got (`unknown` where that can't be told). */
  readonly pending: number
  readonly behind: number | 'unknown'
  /** What was redriven or replayed to it, and is not done. */
  readonly copies: number
  /** Consumers that live. */
  readonly live: readonly string[]
}

/** Makes groups, and ends them. Each leaves an ActionRecord in the same step. */
export interface GroupLifecycle {
  /**
   * Creates a group that begins at `start`: `0` (default) for all that is there, `$` for what comes from now on, or a
   * position after which to read; one beyond the end is the end. Answers whether it was not there before; one that is
   * there stays as it is.
   *
   * With `createStream` the stream is created as well, empty, where there is none: before anybody publishes, for what
   * watches a group from the start.
   *
   * @throws MillraceError `UNKNOWN_STREAM`, unless with `createStream`: publishing to a stream creates it.
   *   `CONFIGURATION_INVALID` for a start that is none
   */
  create(
    stream: string,
    group: string,
    options: Operator & { start?: string; createStream?: boolean },
  ): Promise<boolean>

  /**
   * Destroys a group with all that it has: its place, what is pending, what waits for its retry, what was redriven to it,
   * and a pause. Its dead letters stay; identities by which events are deduplicated are remembered until they expire.
   *
   * With `force` also while consumers live. Those of Millrace create the group again within a second, as if it had never
   * been: where their own `start` says, so by default everything that is in the stream comes once more. Stop them first
   * where that is not wanted, or use `GroupResets.reset`. What they have in hand is lost to them, and aborted, unless the
   * new group hands it to the same consumer before that finds out: then it runs on, and is settled there. Consumers of
   * other software fail until the group is there again.
   *
   * It is one step however much is pending, since half a group would be worse: about 10 ms for 200000 entries.
   *
   * A dry run answers who lives, where they would keep it from being deleted.
   *
   * @throws MillraceError `UNKNOWN_STREAM`, `UNKNOWN_GROUP`; `GROUP_BUSY` where consumers live, unless with `force`
   */
  delete(
    stream: string,
    group: string,
    options: Operator & { dryRun?: boolean; force?: boolean },
  ): Promise<GroupDeletion>
}
