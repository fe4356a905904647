import { SinkError } from '../../src/core/connector-errors.ts'
import type { BatchFaults } from '../../src/core/delivery.ts'
import type { Sink, SinkContext, SinkEvent } from '../../src/core/sink.ts'
import type { Random } from '../random.ts'

/** One write in so many fails. */
const FAILS_ONE_IN = 10

/** A sink whose writes fail now and then: before anything is written, after all of it is, or after half of it. */
export class UnreliableSink implements Sink {
  readonly concurrency: number
  /** As without it: events go the way that they go for users. */
  readonly wantsJson: boolean
  readonly #sink: Sink
  readonly #random: Random

  constructor(sink: Sink, random: Random) {
    this.#sink = sink
    this.#random = random
    this.concurrency = sink.concurrency ?? 1
    this.wantsJson = sink.wantsJson ?? false
  }

  connect(context: SinkContext): Promise<void> {
    return this.#sink.connect(context)
  }

  async write(events: readonly SinkEvent[], signal: AbortSignal): Promise<BatchFaults | void> {
    if (this.#random.between(1, FAILS_ONE_IN) > 1) return this.#sink.write(events, signal)
    const written = [0, Math.ceil(events.length / 2), events.length][this.#random.between(0, 2)]!
    if (written > 0) await this.#sink.write(events.slice(0, written), signal)
    throw new SinkError('SINK_UNAVAILABLE', `failed on purpose after ${written} of ${events.length}`)
  }

  close(): Promise<void> {
    return this.#sink.close()
  }
}
