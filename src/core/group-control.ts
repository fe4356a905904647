import type { Operator } from './action-record.ts'

/**
 * Stops and starts groups from outside, for all of their members. Where an operator is given, whatever changes something
 * leaves an ActionRecord in the same step.
 */
export interface GroupControl {
  /**
   * From at most a second later on no member of the group is handed entries, until `resume`: no new ones, no retries and
   * nothing that others abandoned. What is in hand runs on and is settled. A pause outlives restarts of all members and
   * of Redis, and the healing of a group that was deleted. Answers whether the group was running before.
   *
   * @throws MillraceError `UNKNOWN_GROUP`, `NAME_INVALID`
   */
  pause(stream: string, group: string, operator?: Operator): Promise<boolean>
  /**
   * Ends a pause, within a second for all members; answers whether there was one.
   *
   * @throws MillraceError `UNKNOWN_GROUP`, `NAME_INVALID`
   */
  resume(stream: string, group: string, operator?: Operator): Promise<boolean>
  /** In ms since 1970, by the clock of the server; undefined while the group is not paused. */
  pausedSince(stream: string, group: string): Promise<number | undefined>
}
