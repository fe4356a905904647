/** A row of the audit trail, as the API shows it. */
export interface ProcessedEvent {
  /** A whole number in digits, which grows in the order in which the rows were written. */
  id: string
  /** The entry's position in its stream. */
  streamId: string
  streamName: string
  eventType: string
  /** The value; its text where it is nested too deep to be handed on. */
  payload: unknown
  /** Whether the group has run it: false while it is pending, and when it failed, which `error` says. */
  processed: boolean
  /** When it was processed or failed, ISO 8601 in UTC. */
  processedAt: string | null
  consumerId: string | null
  /** What the data says in `userId`, where that is a text. */
  userId: string | null
  error: string | null
  createdAt: string
}

export interface EventFilter {
  eventType?: string | undefined
  processed?: boolean | undefined
  streamName?: string | undefined
  userId?: string | undefined
}

export interface EventPage extends EventFilter {
  limit: number
  offset: number
}

export interface EventStats {
  /** `processed`, `pending` and `errors` (what failed) together. */
  total: number
  processed: number
  pending: number
  errors: number
  /** The most frequent first, at most 1000. */
  eventTypes: { eventType: string; count: number }[]
}

/** What the audit trail holds, for whoever reads it. */
export interface ProcessedEvents {
  /** One page, newest first, and how many there are in all that fit the filter. */
  list(page: EventPage): Promise<{ events: ProcessedEvent[]; total: number }>
  stats(): Promise<EventStats>
}
