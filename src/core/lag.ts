/** How far a group is, as far as that can be known. */
export interface GroupLag {
  readonly group: string
  /**
   * How many entries of those that are there were not delivered to it yet; `unknown` where the server can't tell and
   * counting would take too long. What was trimmed before it was read is not in it.
   */
  readonly behind: number | 'unknown'
  /** Delivered and not acknowledged, what waits for its retry included. */
  readonly pending: number
  /** Of those, how many wait for their retry. */
  readonly waiting: number
  /** The age by its position of the oldest pending entry that does not wait for its retry, in ms; absent without one. */
  readonly oldestPendingAgeMs?: number
  readonly lastDelivered: string
}

/** Reads the lag of groups. */
export interface GroupStats {
  /** Of all groups of a stream, whoever's software they belong to; none where there is no such stream. */
  lag(stream: string): Promise<GroupLag[]>
}
