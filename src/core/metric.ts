/** What a metric is to Prometheus. */
export type MetricKind = 'counter' | 'gauge' | 'histogram'

/** One number of a metric, for one set of labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  /** Which part of a histogram it is; `le` is the upper bound of a bucket. */
  readonly part?: { readonly suffix: '_bucket' | '_sum' | '_count'; readonly le?: string }
}

/** What was told to a metric and is not in it. */
export interface DroppedSamples {
  /** Under labels that would have been one set too many. */
  readonly series: number
  /** No finite number, or for a counter one below 0. */
  readonly value: number
}

/**
 * Something that is counted or measured, and asked for its numbers whenever Prometheus asks us. Its name, labels and
 * help never change, and asking changes nothing.
 */
export interface Metric {
  readonly name: string
  /** One line, for whoever reads the number on a bad day. */
  readonly help: string
  readonly kind: MetricKind
  /** The names of its labels, each with few values. */
  readonly labels: readonly string[]
  collect(): readonly Sample[]
  readonly dropped?: DroppedSamples
}

/** Takes what handlers are measured by. */
export interface HandlerTimes {
  /** Asked once for a group, and kept. */
  of(stream: string, group: string): HandlerTimer
}

export interface HandlerTimer {
  /** How long after it was taken in an entry is started for the first time, in ms. */
  waited(ms: number): void
  /** How long a handler ran, in ms, however it ended. */
  ran(ms: number): void
}
