import { build, type JsHistogram } from 'hdr-histogram-js'

/** In ms. */
export interface LatencySummary {
  count: number
  min: number
  mean: number
  p50: number
  p75: number
  p90: number
  p95: number
  p99: number
  p999: number
  max: number
}

/** How many took longer than the bucket before, and at most `upToMs`. */
export interface LatencyBucket {
  upToMs: number
  count: number
}

/** Counted in µs, since the histogram takes whole numbers; what takes longer than an hour counts as an hour. */
const LONGEST_US = 3_600_000_000
const US_PER_MS = 1_000
/** The buckets shown end at these and their multiples by 10, in µs. */
const STEPS = [1, 2, 5]

/** Latencies in a histogram of fixed size, exact to 3 digits. */
export class Latencies {
  readonly #histogram = build({
    bitBucketSize: 64,
    autoResize: false,
    highestTrackableValue: LONGEST_US,
    numberOfSignificantValueDigits: 3,
  }) as JsHistogram
  #min = LONGEST_US
  #max = 0

  get count(): number {
    return this.#histogram.totalCount
  }

  record(ms: number): void {
    const us = Math.min(Math.max(0, Math.round(ms * US_PER_MS)), LONGEST_US)
    if (us < this.#min) this.#min = us
    if (us > this.#max) this.#max = us
    this.#histogram.recordValue(us)
  }

  /** What so many percent took at most, in ms; undefined while nothing was recorded. */
  percentile(percent: number): number | undefined {
    // The histogram answers the end of its bucket, which may lie beyond what was ever recorded.
    return this.count === 0
      ? undefined
      : toMs(Math.min(this.#histogram.getValueAtPercentile(percent), this.#max))
  }

  /** Undefined while nothing was recorded. */
  summary(): LatencySummary | undefined {
    if (this.count === 0) return undefined
    const at = (percent: number) => this.percentile(percent)!
    return {
      count: this.count,
      min: toMs(this.#min),
      mean: toMs(this.#histogram.mean),
      p50: at(50),
      p75: at(75),
      p90: at(90),
      p95: at(95),
      p99: at(99),
      p999: at(99.9),
      max: toMs(this.#max),
    }
  }

  /** All from the first that holds something to the last; they end at 1, 2, 5, 10, 20, … */
  buckets(): LatencyBucket[] {
    const buckets: LatencyBucket[] = []
    const values = this.#histogram.recordedValuesIterator
    values.reset()
    let end = 0
    while (values.hasNext()) {
      const { valueIteratedTo, countAddedInThisIterationStep: count } = values.next()
      while (buckets.length === 0 || end < Math.min(valueIteratedTo, this.#max)) {
        end = buckets.length === 0 ? bucketEnd(Math.min(valueIteratedTo, this.#max)) : bucketEnd(end + 1)
        buckets.push({ upToMs: toMs(end), count: 0 })
      }
      buckets.at(-1)!.count += count
    }
    return buckets
  }
}

const toMs = (us: number): number => Math.round(us) / US_PER_MS

/** The next of 1, 2, 5, 10, 20, 50, … */
function bucketEnd(us: number): number {
  for (let size = 1; ; size *= 10) {
    const end = STEPS.map((step) => step * size).find((candidate) => us <= candidate)
    if (end !== undefined) return end
  }
}
