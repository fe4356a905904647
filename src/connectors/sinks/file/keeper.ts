import type { SinkEvent } from '../../../core/sink.ts'

/** An event with what is written of it. */
export interface Document {
  readonly event: SinkEvent
  /** In one line, without its end. */
  readonly json: string
}

/** A way to lay events down in a directory. */
export interface Keeper {
  /** Mends what is broken, also after `close`, and while a `keep` hangs that nobody waits for any more. */
  open(): Promise<void>
  /** Resolves when all are there for good; those that are redelivered may be there already. */
  keep(documents: readonly Document[], signal: AbortSignal): Promise<void>
  close(): Promise<void>
}
