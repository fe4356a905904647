import type { Metric } from '../../core/metric.ts'
import type { PipelineObserver } from '../../core/sink.ts'
import { derived } from './derived.ts'
import { Counter, Histogram } from './instruments.ts'

/** From a line in a file to a sink that takes its time. */
const DURATION_BUCKETS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
]
const SIZE_BUCKETS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000]
const LABELS = ['pipeline'] as const
type Label = (typeof LABELS)[number]

/** What a pipeline is by now. */
export interface PipelineFigures {
  readonly name: string
  /** Whether its sink can be written to; undefined where it has none. */
  readonly up: boolean | undefined
  readonly paused: boolean
}

/** What the pipelines of this process do. */
export class PipelineMetrics implements PipelineObserver {
  readonly #figures: () => readonly PipelineFigures[]
  readonly #written = new Counter<Label>({
    name: 'millrace_sink_written_total',
    help: 'Events that the sink has for good; one that is written again after a crash counts again.',
    labels: LABELS,
  })
  readonly #failures = new Counter<Label | 'error'>({
    name: 'millrace_sink_failures_total',
    help: 'Writes, connects and reads that failed, and events that were refused, by the code or class of the error.',
    labels: [...LABELS, 'error'],
  })
  readonly #durations = new Histogram<Label>({
    name: 'millrace_sink_write_duration_seconds',
    help: 'How long writes took that came to their end.',
    labels: LABELS,
    buckets: DURATION_BUCKETS,
  })
  readonly #sizes = new Histogram<Label>({
    name: 'millrace_sink_batch_size',
    help: 'Events that the sink took with one write.',
    labels: LABELS,
    buckets: SIZE_BUCKETS,
  })
  readonly #published = new Counter<Label>({
    name: 'millrace_source_published_total',
    help: 'Events of a source that are in its stream.',
    labels: LABELS,
  })

  constructor(figures: () => readonly PipelineFigures[]) {
    this.#figures = figures
  }

  get metrics(): readonly Metric[] {
    return [
      this.#written,
      this.#failures,
      this.#durations,
      this.#sizes,
      this.#published,
      derived('gauge', 'millrace_sink_up', LABELS, '1 while the sink can be written to, else 0.', () =>
        this.#figures().flatMap(({ name, up }) =>
          up === undefined ? [] : [{ labels: { pipeline: name }, value: Number(up) }],
        ),
      ),
      derived(
        'gauge',
        'millrace_pipeline_paused',
        LABELS,
        '1 while somebody has paused the pipeline, else 0.',
        () =>
          this.#figures().map(({ name, paused }) => ({ labels: { pipeline: name }, value: Number(paused) })),
      ),
    ]
  }

  wrote(pipeline: string, events: number, seconds: number): void {
    this.#written.inc({ pipeline }, events)
    this.#durations.observe({ pipeline }, seconds)
    this.#sizes.observe({ pipeline }, events)
  }

  failed(pipeline: string, error: string): void {
    this.#failures.inc({ pipeline, error })
  }

  published(pipeline: string, events: number): void {
    this.#published.inc({ pipeline }, events)
  }
}
