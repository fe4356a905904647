import type { Operator } from './action-record.ts'

export interface GroupDeletion {
  /** What goes with it: entries that are pending, and those that it never got (`unknown` where that can't be told). */
  readonly pending: number
  readonly behind: number | 'unknown'
  /** Consumers that live: they would create the group again, at its beginning. */
  readonly live: readonly string[]
}

/** Makes groups, and ends them. Each leaves an ActionRecord in the same step. */
export interface GroupLifecycle {
  /**
   * Creates a group that begins at `start`: `0` (default) for all that is there, `$` for what comes from now on, or a
   * position. Answers whether it was not there before; one that is there stays as it is.
   *
   * @throws MillraceError `UNKNOWN_STREAM`: publishing to a stream creates it
   */
  create(stream: string, group: string, options: Operator & { start?: string }): Promise<boolean>

  /**
   * Destroys a group with all that it has: its place, what is pending, what waits for its retry, what was redriven to it.
   * Its dead letters stay.
   *
   * @throws MillraceError `UNKNOWN_STREAM`, `UNKNOWN_GROUP`; `GROUP_BUSY` where consumers live, unless with `force`
   */
  delete(
    stream: string,
    group: string,
    options: Operator & { dryRun?: boolean; force?: boolean },
  ): Promise<GroupDeletion>
}
