import { Postpone, faultsOf, type BatchFaults } from '../core/delivery.ts'
import { errorName, toError } from '../core/errors.ts'
import type { PipelineObserver, Sink, SinkEvent } from '../core/sink.ts'
import { inTime } from './in-time.ts'
import { isOutage } from './outage.ts'
import type { SinkLink } from './sink-link.ts'

export interface WriterOptions {
  name: string
  /** How long a write may take, in ms; then its signal is aborted, and the sink counts as unavailable. */
  writeTimeoutMs: number
  observer: PipelineObserver | undefined
  /** Aborted when nothing that waits for the sink should wait any longer. */
  stopping: AbortSignal
  /** Aborted when what is being written has to end as well. */
  ending: AbortSignal
}

/** Given back, for another instance or the next start: it costs no attempt. */
const GIVE_BACK_MS = 10

/** Writes batches until the sink has each event, or says that it is at fault. */
export class SinkWriter {
  /** Events that the sink has. */
  written = 0
  /** Events that it refused. */
  refused = 0
  lastWriteAt: number | undefined
  readonly #sink: Sink
  readonly #link: SinkLink
  readonly #options: WriterOptions

  constructor(sink: Sink, link: SinkLink, options: WriterOptions) {
    this.#sink = sink
    this.#link = link
    this.#options = options
  }

  /**
   * Waits out what no event is to blame for. Where a batch fails and the sink does not say why, it is halved until each
   * culprit is alone: for one culprit in n, that takes about 2 log₂ n writes. A batch never fails as a whole, since it
   * would be run again one by one then.
   */
  async write(given: readonly SinkEvent[]): Promise<BatchFaults> {
    for (let events = given; ; events = events.map(asRedelivered)) {
      try {
        await this.#link.ready(this.#options.stopping)
      } catch {
        return events.map(() => new Postpone(GIVE_BACK_MS, 'the pipeline stops'))
      }
      const { faults, error } = await this.#attempt(events)
      if (!error) return faults
      if (!isOutage(error)) return this.#halve(events.map(asRedelivered), error)
      if (!this.#options.ending.aborted) this.#link.failed(error)
    }
  }

  async #attempt(events: readonly SinkEvent[]): Promise<{ faults: BatchFaults; error?: Error }> {
    const { name, writeTimeoutMs, ending, observer } = this.#options
    const begin = performance.now()
    try {
      const answer = await inTime('a write', writeTimeoutMs, ending, (signal) =>
        this.#sink.write(events, signal),
      )
      // A sink may answer anything, also more faults than there were events.
      const faults = faultsOf(answer).slice(0, events.length)
      this.#wrote(events.length - this.#count(faults), (performance.now() - begin) / 1_000)
      return { faults }
    } catch (thrown) {
      const error = toError(thrown)
      if (!isOutage(error)) {
        this.#link.worked()
        observer?.failed(name, errorName(error))
      }
      return { faults: [], error }
    }
  }

  async #halve(events: readonly SinkEvent[], error: Error): Promise<BatchFaults> {
    if (events.length === 1) {
      this.refused++
      return [error]
    }
    const middle = Math.ceil(events.length / 2)
    const first = await this.#all(events.slice(0, middle))
    return [...first, ...(await this.#all(events.slice(middle)))]
  }

  /** A fault for each, so that halves can be put together. */
  async #all(events: readonly SinkEvent[]): Promise<BatchFaults> {
    const faults = await this.write(events)
    return events.map((_, index) => faults[index])
  }

  #wrote(events: number, seconds: number): void {
    this.#link.worked()
    this.written += events
    this.lastWriteAt = Date.now()
    this.#options.observer?.wrote(this.#options.name, events, seconds)
  }

  #count(faults: BatchFaults): number {
    let count = 0
    for (const fault of faults) {
      if (!fault) continue
      count++
      this.refused++
      this.#options.observer?.failed(this.#options.name, errorName(fault))
    }
    return count
  }
}

/** A write that failed may have written some of it. */
const asRedelivered = (event: SinkEvent): SinkEvent => ({ ...event, redelivered: true })
