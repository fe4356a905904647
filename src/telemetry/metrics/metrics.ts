import { setImmediate as turn } from 'node:timers/promises'
import { Registry, type Metric as PromMetric } from 'prom-client'
import { InvalidError } from '../../core/errors.ts'
import type { Metric, Sample } from '../../core/metric.ts'
import { derived } from './derived.ts'
import { processMetrics } from './process-metrics.ts'

/** What `/metrics` answers. */
export interface Scrape {
  contentType: string
  text: string
}

/** How a metric stands in the documents. */
export interface MetricDescription {
  name: string
  kind: string
  labels: readonly string[]
  help: string
}

/**
 * Metrics that are shown together, in the text format of Prometheus. Nothing is shared with other instances but what
 * the process tells of itself, so that two services live in one process.
 *
 * @example
 * const metrics = new Metrics().add(signups)
 * const { text } = await metrics.scrape()
 */
export class Metrics {
  readonly #registry = new Registry()
  readonly #process = processMetrics()
  readonly #names = new Set(this.#process.getMetricsAsArray().map(({ name }) => name))
  readonly #metrics: Metric[] = []
  readonly #refreshes: (() => Promise<void> | void)[] = []
  #scraping: Promise<Scrape> | undefined

  constructor() {
    this.add(
      derived(
        'counter',
        'millrace_metric_samples_dropped_total',
        ['metric', 'reason'],
        'Samples that are missing in a metric: reason "series", it had 1,000 sets of labels already; "value", it was no number that it takes.',
        () => this.#dropped(),
      ),
    )
  }

  /** @throws InvalidError `CONFIGURATION_INVALID` where a name is taken: nothing is added then */
  add(...metrics: readonly Metric[]): this {
    const names = new Set(this.#names)
    const taken = metrics.filter((metric) => {
      const own = namesOf(metric)
      const isTaken = own.some((name) => names.has(name))
      for (const name of own) names.add(name)
      return isTaken
    })
    if (taken.length > 0) {
      const issues = taken.map(({ name }) => ({ path: name, message: 'is a name that another metric has' }))
      throw new InvalidError('CONFIGURATION_INVALID', 'the metrics can not be shown together', issues)
    }
    for (const name of names) this.#names.add(name)
    this.#metrics.push(...metrics)
    for (const metric of metrics) this.#registry.registerMetric(rendered(metric))
    return this
  }

  /** Has something done before each scrape, such as fetching numbers. It must end by itself, soon; and may not fail. */
  refresh(work: () => Promise<void> | void): this {
    this.#refreshes.push(work)
    return this
  }

  /** Who asks while another one is being answered gets the same answer, so that many of them cost no more than one. */
  scrape(): Promise<Scrape> {
    this.#scraping ??= this.#scrape().finally(() => {
      this.#scraping = undefined
    })
    return this.#scraping
  }

  /** What there is, in the order in which it is shown. */
  describe(): MetricDescription[] {
    return this.#metrics.map(({ name, kind, labels, help }) => ({ name, kind, labels, help }))
  }

  async #scrape(): Promise<Scrape> {
    await Promise.all(this.#refreshes.map((work) => work()))
    const parts: string[] = []
    for (const registry of [this.#registry, this.#process])
      for (const { name } of registry.getMetricsAsArray()) {
        parts.push(await registry.getSingleMetricAsString(name))
        // Large ones take milliseconds each; handlers and requests run in between.
        await turn()
      }
    return { contentType: this.#registry.contentType, text: `${parts.join('\n\n')}\n` }
  }

  #dropped(): Sample[] {
    return this.#metrics.flatMap(({ name: metric, dropped }) => {
      if (!dropped) return []
      const samples = [
        { labels: { metric, reason: 'series' }, value: dropped.series },
        { labels: { metric, reason: 'value' }, value: dropped.value },
      ]
      return samples.filter(({ value }) => value > 0)
    })
  }
}

const namesOf = ({ name, kind }: Metric): string[] =>
  kind === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name]

/** In the shape in which the registry asks a metric for its samples. Its own kinds keep theirs behind slower calls. */
function rendered(metric: Metric): PromMetric {
  const { name, help, kind } = metric
  const get = async () => ({ name, help, type: kind, values: metric.collect().map(toValue(name)) })
  return { name, help, type: kind, get } as unknown as PromMetric
}

const toValue =
  (name: string) =>
  ({ labels, value, part }: Sample) => {
    if (!part) return { labels, value }
    const { suffix, le } = part
    // What all samples of a series share is turned into text once.
    return { metricName: name + suffix, labels: le === undefined ? {} : { le }, sharedLabels: labels, value }
  }
