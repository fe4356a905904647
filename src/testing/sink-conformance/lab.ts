import type { Sink } from '../../core/sink.ts'
import type { StreamLog } from '../../core/stream-log.ts'
import type { Runner } from '../conformance/adapter.ts'

export type SinkRunner = Runner

/** A sink under test. */
export interface SinkAdapter {
  /** Shown with each test. */
  name: string
  /** Called once per case. It answers an empty place to write to. */
  open(): Promise<SinkLab>
  /** The streams of a case (those of a log in memory); also called once per case. */
  openStreams?(): Promise<{ log: StreamLog; close(): Promise<void> }>
  /** What the sink can't have, and why: the cases for it are left out, and the reason is shown. */
  without?: Partial<Record<SinkFeature, string>>
  /** How long each step of a case may take, in ms (40000). */
  patienceMs?: number
}

/**
 * What the suite needs beyond writing and reading back; a lab has it, or {@link SinkAdapter.without} says why not.
 *
 * - `order`: what one instance writes is read back in the order of the stream.
 * - `exactlyOnce`: what is written again, as after a crash, is there once.
 * - `zeroCharacter`: a text may have the character of code 0 in it.
 * - The others are members of the lab.
 */
export type SinkFeature = 'order' | 'exactlyOnce' | 'zeroCharacter' | keyof SinkFaults

type Awaitable<T> = T | Promise<T>
type Undo = () => Awaitable<void>

/** A place that a sink writes to, with what can go wrong there. Nothing goes wrong until a case asks for it. */
export interface SinkLab extends Partial<SinkFaults> {
  /** A sink that writes there; several at once are instances that share the load. */
  sink(): Sink
  /**
   * The data of every event that is there for good, repeats included; of one stream in the order in which they lie. It is
   * asked while writes are under way, and does not wait for them.
   */
  held(): Promise<readonly unknown[]>
  close(): Promise<void>
}

export interface SinkFaults {
  /** From now on it does not take events whose data `isRefused`, in whatever way it has to say so. */
  refuse(isRefused: (data: unknown) => boolean): Awaitable<void>
  /** The size of a text that is too large for it, in characters; small ones are not. */
  oversize: number
  /** It answers the next write that it wants less, and to be asked again in `ms`. */
  throttle(ms: number): Awaitable<void>
  /**
   * The next write of several events loses its sink in the middle: some of it may be there for good, or all. Resolves when
   * that has happened.
   */
  cut(): Promise<void>
  /** Writes get no answer from now on; until what this answers is called, which lets go of those that wait. */
  hang(): Awaitable<Undo>
  /** Nobody is there from now on, neither for `connect` nor for writes; until what this answers is called. */
  leave(): Awaitable<Undo>
  /**
   * Runs the pipeline in a process of its own, on the streams of {@link SinkAdapter.openStreams}. It answers how to kill
   * that process at once; a kill of what has ended does no harm.
   */
  startProcess(target: SinkProcessTarget): Promise<{ kill(): Promise<void> }>
}

export interface SinkProcessTarget {
  /** The name of the pipeline. */
  name: string
  stream: string
  group: string
  /** In how many ms of silence its consumer counts as dead; for the options of the pipeline. */
  deadAfterMs: number
  batchSize: number
}
