/** A stream in a few numbers, for lists. What takes looking at its groups one by one is in StreamInfo. */
export interface StreamOverview {
  readonly stream: string
  readonly length: number
  readonly groups: number
  /** Over all of its groups, as the three below. */
  readonly consumers: number
  /** Delivered and not acknowledged. */
  readonly pending: number
  /** Of its slowest group, by the server's own count; `unknown` where the server can't tell of one of them. */
  readonly lag: number | 'unknown'
  /** Of its newest entry, in ms since 1970 by its position; absent while it never had one. */
  readonly lastEntryAt?: number
  readonly deadLetters: number
}

export interface StreamListing {
  /** Names with `*` for any text and `?` for any character (all). */
  match?: string
  /** Also what Millrace keeps beside streams, such as dead letters. */
  companions?: boolean
  /** Ends the search: it fails with the signal's reason. */
  signal?: AbortSignal
}

/** Finds streams, whoever wrote them. */
export interface StreamCatalogue {
  /** The names, in their order as text. A bounded piece of the keyspace a call to the server, however much else is there. */
  names(listing?: StreamListing): Promise<string[]>
  /** The same with their numbers. What is deleted meanwhile is left out. */
  list(listing?: StreamListing): Promise<StreamOverview[]>
}
