import type { DroppedSamples, Metric, MetricKind, Sample } from '../../core/metric.ts'
import type { MetricOptions } from './declaration.ts'
import { SeriesMap, type LabelValues } from './series.ts'

/** The arguments of a call: the labels first, where the metric has any. */
export type WithLabels<L extends string, Rest extends unknown[]> = [L] extends [never]
  ? Rest
  : [labels: Readonly<Record<L, string>>, ...Rest]

/** One series of a counter or a gauge. */
export interface Cell {
  readonly labels: LabelValues
  value: number
}

abstract class Instrument<State> implements Metric {
  abstract readonly kind: MetricKind
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
  protected readonly series: SeriesMap<State>

  constructor({ name, help, labels = [] }: MetricOptions, create: (labels: LabelValues) => State) {
    this.name = name
    this.help = help
    this.labels = [...labels]
    this.series = new SeriesMap(this.labels, create)
  }

  get dropped(): DroppedSamples {
    return this.series.dropped
  }

  abstract collect(): readonly Sample[]

  /** Calls have the labels first, or none. */
  protected split<Rest extends unknown[]>(args: readonly unknown[]): [LabelValues, ...Rest] {
    const all = this.labels.length === 0 ? [{}, ...args] : [args[0] ?? {}, ...args.slice(1)]
    return all as [LabelValues, ...Rest]
  }
}

/** One number for each series. */
abstract class Cells<L extends string> extends Instrument<Cell> {
  constructor(options: MetricOptions<L>) {
    super(options, (labels) => ({ labels, value: 0 }))
  }

  collect(): readonly Sample[] {
    return [...this.series.states()].map(({ labels, value }) => ({ labels, value }))
  }
}

/** Something that only ever grows. A call never fails: what can't be counted is dropped, and that is counted. */
export class Counter<L extends string = never> extends Cells<L> {
  readonly kind = 'counter'

  /** Adds `by` (1). */
  inc(...args: WithLabels<L, [by?: number]>): void {
    const [labels, by = 1] = this.split<[by?: number]>(args)
    const cell = this.series.forSample(labels, Number.isFinite(by) && by >= 0)
    if (cell) cell.value += by
  }
}

/** Something that goes up and down. A call never fails: what is no number is dropped, and that is counted. */
export class Gauge<L extends string = never> extends Cells<L> {
  readonly kind = 'gauge'

  set(...args: WithLabels<L, [value: number]>): void {
    const [labels, value] = this.split<[value: number]>(args)
    const cell = this.series.forSample(labels, Number.isFinite(value))
    if (cell) cell.value = value
  }

  /** Adds `by` (1), which may be below 0. */
  inc(...args: WithLabels<L, [by?: number]>): void {
    const [labels, by = 1] = this.split<[by?: number]>(args)
    const cell = this.series.forSample(labels, Number.isFinite(by))
    if (cell) cell.value += by
  }

  /** Takes `by` (1) away. */
  dec(...args: WithLabels<L, [by?: number]>): void {
    const [labels, by = 1] = this.split<[by?: number]>(args)
    const cell = this.series.forSample(labels, Number.isFinite(by))
    if (cell) cell.value -= by
  }
}

/** One series of a histogram. Written for speed: a look-up of labels for each event would cost ten times as much. */
export class Buckets {
  readonly labels: LabelValues
  readonly #bounds: readonly number[]
  readonly #counts: number[]
  #sum = 0

  constructor(labels: LabelValues, bounds: readonly number[]) {
    this.labels = labels
    this.#bounds = bounds
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  /** @param value a finite number */
  observe(value: number): void {
    const bounds = this.#bounds
    let index = 0
    while (index < bounds.length && value > bounds[index]!) index++
    this.#counts[index]!++
    this.#sum += value
  }

  samples(): Sample[] {
    const { labels } = this
    let count = 0
    const samples: Sample[] = this.#counts.map((inBucket, index) => {
      const le = index < this.#bounds.length ? String(this.#bounds[index]) : '+Inf'
      return { labels, value: (count += inBucket), part: { suffix: '_bucket', le } }
    })
    samples.push({ labels, value: this.#sum, part: { suffix: '_sum' } })
    samples.push({ labels, value: count, part: { suffix: '_count' } })
    return samples
  }
}

export interface HistogramOptions<L extends string = string> extends MetricOptions<L> {
  /** The upper bounds of its buckets, growing; there is one more for what is above them. */
  buckets: readonly number[]
}

/** How numbers spread, such as how long something takes. A call never fails, as with the others. */
export class Histogram<L extends string = never> extends Instrument<Buckets> {
  readonly kind = 'histogram'

  constructor({ buckets, ...options }: HistogramOptions<L>) {
    super(options, (labels) => new Buckets(labels, buckets))
  }

  observe(...args: WithLabels<L, [value: number]>): void {
    const [labels, value] = this.split<[value: number]>(args)
    this.series.forSample(labels, Number.isFinite(value))?.observe(value)
  }

  /** One series, for whoever observes it often; undefined where it would be one too many. */
  of(labels: Readonly<Record<L, string>>): Buckets | undefined {
    return this.series.of(labels)
  }

  collect(): readonly Sample[] {
    return [...this.series.states()].flatMap((buckets) => buckets.samples())
  }
}
