import type { NewEvent } from './event.ts'
import type { Log } from './service.ts'

/** What a source read in one go. */
export interface SourceBatch {
  readonly items: readonly SourceItem[]
  /** Where to go on when all of these are in the stream. What it means is the source's own business. */
  readonly cursor: string
}

/** An event; or what can't be made one, which becomes a dead letter of the stream with its reason. */
export type SourceItem =
  | { readonly event: NewEvent; readonly id: string }
  | { readonly raw: string; readonly reason: string; readonly id: string }

export interface SourceContext {
  /** The name of the pipeline. */
  readonly name: string
  readonly log: Log
  /** Aborted when the pipeline stops, or when another instance may read. */
  readonly signal: AbortSignal
  /** Of the last batch that is in the stream; undefined for the start. */
  readonly cursor: string | undefined
}

/**
 * Where a pipeline reads from. It knows nothing of streams: the pipeline publishes a batch, then remembers its cursor.
 *
 * - Ids: an item has the same `id` each time that it is read, so that what was published before a crash, and not yet
 *   remembered, is not published twice.
 * - A source that follows something ends with the signal; another one ends when all is read.
 */
export interface Source {
  /**
   * @throws ConfigurationError where trying again is of no use
   * @throws anything else: it is read again from the last cursor after a pause, for ever
   */
  read(context: SourceContext): AsyncIterable<SourceBatch>
}

/** Where the cursors of sources are kept, and who reads them. */
export interface Cursors {
  /**
   * Waits until nobody else reads the source of this pipeline.
   *
   * @param onBusy told now and then who reads it meanwhile
   * @param signal ends the wait
   * @throws what the signal was aborted with; or that the place of the cursors can't be reached
   */
  acquire(pipeline: string, onBusy: (reader: string) => void, signal: AbortSignal): Promise<CursorLease>
}

/** The right of one reader at a time to read a source, and to move its cursor. */
export interface CursorLease {
  /** Of the last batch that is in the stream; undefined for the start. */
  readonly cursor: string | undefined
  /** Aborted when another one may read. */
  readonly lost: AbortSignal
  /** @returns false where it is not ours any more: then the cursor stays where it is, and `lost` is aborted */
  save(cursor: string): Promise<boolean>
  /** For the next one to go on at once. Idempotent. */
  release(): Promise<void>
}
