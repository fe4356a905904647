import type { Event } from './event.ts'
import type { Entry } from './stream-log.ts'

/** Something that happened to an entry, for the audit trail. */
export interface AuditFact {
  stream: string
  entry: Entry
  /** For a copy that was redriven or replayed to one group: the row is that of the entry which it is a copy of. */
  copyOf?: string
  /** Absent when the entry could not be decoded. */
  event?: Event
  group: string
  consumer: string
  /** `pending`: it was read. `processed`: the group has run it. `failed`: the group dead-lettered it, with `error`. */
  state: 'pending' | 'processed' | 'failed'
  /** Whether this group decides what the row says. What another one processed goes into its inbox alone. */
  main: boolean
  error?: string
  /**
   * What it produces is written with its acknowledgement, and so after this. The inbox does not take it for processed:
   * where the process dies in between it has to run again, or nothing would be produced.
   */
  producing?: true
}

/**
 * The record of every consumed entry: one row per entry, however many groups read it and whatever crashes. An entry
 * is known by its stream, position and content together, since positions alone come again when a stream is deleted.
 */
export interface AuditTrail {
  /**
   * Writes facts, in one transaction with the inbox rows of what was processed; the inbox knows a copy by its own position. Resolves when they are durable; the
   * entry may be acknowledged only then. Told twice, a fact stands once, and a later state is never undone by
   * `pending`.
   */
  record(facts: readonly AuditFact[]): Promise<void>

  /**
   * Of these redelivered entries, the positions that `group` has processed before: the effect was committed and only
   * the acknowledgement got lost, so they need no second run.
   */
  processedBefore(stream: string, group: string, entries: readonly Entry[]): Promise<Set<string>>
}
