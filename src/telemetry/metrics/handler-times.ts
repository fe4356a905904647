import type { HandlerTimer, HandlerTimes, Metric } from '../../core/metric.ts'
import { Histogram } from './instruments.ts'

/** A handler may take nothing at all, or as long as its time limit lets it. */
const DURATION_BUCKETS = [
  0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
]
/** An event may wait for a group that was away for days. */
const DELAY_BUCKETS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 86_400,
]

const NOTHING: HandlerTimer = { waited() {}, ran() {} }

/** How long handlers take and events wait, by stream and group. */
export class HandlerHistograms implements HandlerTimes {
  readonly #durations = new Histogram<'stream' | 'group'>({
    name: 'millrace_handler_duration_seconds',
    help: 'How long handlers ran, however they ended; one observation for each start.',
    labels: ['stream', 'group'],
    buckets: DURATION_BUCKETS,
  })
  readonly #delays = new Histogram<'stream' | 'group'>({
    name: 'millrace_event_delay_seconds',
    help: 'From the time at which Redis took an entry to the first start of its handler; needs clocks that agree.',
    labels: ['stream', 'group'],
    buckets: DELAY_BUCKETS,
  })

  get metrics(): readonly Metric[] {
    return [this.#durations, this.#delays]
  }

  of(stream: string, group: string): HandlerTimer {
    const durations = this.#durations.of({ stream, group })
    const delays = this.#delays.of({ stream, group })
    if (!durations || !delays) return NOTHING
    return {
      waited: (ms) => delays.observe(ms / 1_000),
      ran: (ms) => durations.observe(ms / 1_000),
    }
  }
}
