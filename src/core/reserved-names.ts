/** What begins so is ours, whichever service it belongs to: jobs, settings, cursors, counts of requests. */
const OURS = /^\{?millrace:/

/**
 * The keys beside a stream, as they end behind what puts them into its slot: dead letters, the state and the inlets of
 * groups, what is scheduled, kept or replayed, replies to requests.
 */
const COMPANION =
  /\}(?::|.*(?:::|~:))(?:group:|idempotency:|replay:|restore:|rpc:|schedule(?::|$)|(?:actions|dead-letter|holds|retention)$)/s

/**
 * Whether a key of this name is, or may become, one that Millrace keeps for itself. Some are streams: whoever may only
 * publish must not be able to write a dead letter, an entry for one group alone, or a record of what an operator did, nor
 * to take the place of a key that is yet to come.
 */
export const isReservedName = (name: string): boolean => OURS.test(name) || COMPANION.test(name)
