/** What the server says of a group. Positions are those of the stream. */
export interface GroupInfo {
  readonly group: string
  /** How many there are. */
  readonly consumerCount: number
  /** Delivered and not acknowledged. */
  readonly pending: number
  readonly lastDelivered: string
  /** The server's own counts; absent where it can't tell. */
  readonly entriesRead?: number
  readonly lag?: number
  /** None where there are more than a few hundred of them, or than a thousand in the groups before. */
  readonly consumers: readonly { readonly name: string; readonly pending: number; readonly idleMs: number }[]
}

/** What the server says of a stream. */
export interface StreamInfo {
  readonly length: number
  readonly radixTreeKeys: number
  readonly radixTreeNodes: number
  readonly lastGenerated: string
  readonly maxDeleted: string
  /** Absent when it is empty. */
  readonly first?: string
  readonly last?: string
  /** How many groups there are. */
  readonly groupCount: number
  /** The first hundred of them. */
  readonly groups: readonly GroupInfo[]
  /** How many dead letters there are of it. */
  readonly deadLetters: number
  /** By group: entries that retention dropped before they were delivered to it. */
  readonly trimmedUnread: ReadonlyMap<string, number>
}

/** Looks at streams, at a bounded cost. */
export interface StreamInfos {
  /** Undefined where there is no such stream; `UNKNOWN_STREAM` where the name holds something else. */
  info(stream: string): Promise<StreamInfo | undefined>
}
