import type { BatchFaults } from './delivery.ts'
import type { Event } from './event.ts'
import type { Log } from './service.ts'
import type { Entry, StreamLog } from './stream-log.ts'

/** One event on its way out. The same one can come again, with the same stream, position and part. */
export interface SinkEvent<T = unknown> {
  readonly event: Event<T>
  /** Where its entry stands; a copy (redriven or replayed) has the position of its original. */
  readonly stream: string
  readonly position: string
  /** 0, or where middleware made several events of one entry, which of them this is. */
  readonly part: number
  /**
   * Whether a sink of this group may have it already: a write of it failed, or its consumer died, gave it back or ran it
   * before. What is not redelivered comes for the first time, unless somebody set the group back or deleted it.
   */
  readonly redelivered: boolean
  /** What the log holds, as it was written. */
  readonly entry: Entry
  /**
   * The data as JSON on one line, letter by letter as they were published: `event.data` has the numbers of JavaScript, which
   * rounds whole ones beyond 2^53. Undefined where middleware was on the way, which may have changed them, for data that are
   * no JSON, and for sinks that do not ask for it (`wantsJson`).
   */
  readonly dataJson?: string | undefined
}

/** What a sink gets of its pipeline. */
export interface SinkContext {
  /** The name of the pipeline. */
  readonly name: string
  /** The streams that the pipeline reads. */
  readonly streams: readonly string[]
  /** The log that the pipeline reads. */
  readonly source: StreamLog
  readonly log: Log
  /** Aborted when the time for connecting is over, or the pipeline stops. */
  readonly signal: AbortSignal
}

/**
 * Where a pipeline writes to. Its pipeline keeps every promise that has to do with streams: what is acknowledged, when,
 * what is tried again and what becomes a dead letter. A sink only writes, and says honestly what became of it.
 *
 * - Calls: `connect` first, and again after `close` or after a write that threw `SINK_UNAVAILABLE`. Never two writes at
 *   once, unless it says so by `concurrency`.
 * - Order: a batch is written in its order, as far as the sink has one.
 * - Repeats: an event can come again after a crash or a lost answer. A sink that can write by identity (stream, position,
 *   part) does, so that a repeat overwrites itself.
 */
export interface Sink {
  /** How many writes it can take at once (1). Events of one key are never in two of them. */
  readonly concurrency?: number
  /**
   * Events have `dataJson` (false). Set it where you write that in place of `event.data`; not where you change `event.data`
   * before you hand events to another sink, since `dataJson` would still say what was published.
   */
  readonly wantsJson?: boolean

  /**
   * Opens what it needs, and finds out whether it may write. Calling it again mends what is broken.
   *
   * @throws ConfigurationError where trying again is of no use; the pipeline waits until somebody restarts it
   * @throws SinkError and anything else: it is called again after a pause, for ever
   */
  connect(context: SinkContext): Promise<void>

  /**
   * Writes a batch of at least one event. Resolves when the sink has, for good, every event for which it answers no fault:
   * it is acknowledged then, and may be gone from the stream.
   *
   * @param signal aborted when the time for a write is over, or that of the stop; reject soon then
   * @returns for each event that was not written its fault: `MessageProcessingError` or `Reject` make it a dead letter,
   *   `RetryLater` and any other error spend one of its attempts
   * @throws SinkError `SINK_UNAVAILABLE` and `SINK_THROTTLED`, and errors of the network or the disk: nothing counts as
   *   written, and all of it is written again when the sink is back; no attempt is spent
   * @throws ConfigurationError as `connect`; nothing counts as written
   * @throws anything else: some event is at fault, so the batch is halved again and again until each culprit is alone
   */
  write(events: readonly SinkEvent[], signal: AbortSignal): Promise<BatchFaults | void>

  /** Writes nothing more, and lets go of everything. Idempotent. */
  close(): Promise<void>
}

/** Told what pipelines do, for metrics. */
export interface PipelineObserver {
  /** A write that came to its end: how many events the sink has by it. */
  wrote(pipeline: string, events: number, seconds: number): void
  /** A write, a connect or a read that failed, and each event at fault; `error` is a code or a class. */
  failed(pipeline: string, error: string): void
  /** A source's events are in the stream. */
  published(pipeline: string, events: number): void
}
