import type { Service } from '../core/service.ts'

/**
 * - `connecting`: for the first time. `running`. `paused` by somebody.
 * - `retrying`: the sink or the source is not available, and is tried again.
 * - `standby`: another instance reads the source; this one takes its place when that ends.
 * - `failed`: it waits until somebody mends what `lastError` names, and restarts it.
 * - `finished`: the source has come to its end.
 * - `stopped`.
 */
export type PipelineState =
  | 'connecting'
  | 'running'
  | 'paused'
  | 'retrying'
  | 'standby'
  | 'failed'
  | 'finished'
  | 'stopped'

/** What a pipeline of this process does. Times in ms since 1970. */
export interface PipelineStatus {
  readonly name: string
  readonly kind: 'sink' | 'source'
  readonly state: PipelineState
  /** Those it reads; of a source, the one it publishes to. */
  readonly streams: readonly string[]
  /** Undefined for a source. */
  readonly group: string | undefined
  /** Events that the sink has, or that were published, since the start of this process. */
  readonly written: number
  /** Events that were refused. */
  readonly refused: number
  /** Events in hand. */
  readonly held: number
  readonly lastWriteAt: number | undefined
  /** The last failure, which may be over by now. */
  readonly lastError: PipelineFailure | undefined
  /** When the loops last came round; a loop that hangs shows here. */
  readonly lastLoops: readonly number[]
}

export interface PipelineFailure {
  /** A code or a class. */
  readonly error: string
  readonly message: string
  readonly at: number
}

/** A pipeline that runs in this process. */
export interface PipelineRun extends Service {
  readonly status: PipelineStatus
  /** Takes nothing more until `resume`; what is in hand is written. */
  pause(): void
  resume(): void
  /** Stops, connects anew and goes on; a pause stays. */
  restart(deadlineMs: number): Promise<void>
}
