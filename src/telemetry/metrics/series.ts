import type { DroppedSamples } from '../../core/metric.ts'

/** How many sets of labels a metric has at most: each costs memory here and, for ever, in Prometheus. */
const MAX_SERIES = 1_000
/** How much of a label's value is kept. */
const MAX_VALUE_LENGTH = 256

export type LabelValues = Readonly<Record<string, string>>

/**
 * The states of a metric by the values of its labels. What would be one series too many is dropped and counted: labels
 * can come from outside, and a metric must not be what ends a process, or fails the work that it counts.
 */
export class SeriesMap<State> {
  readonly #labels: readonly string[]
  readonly #create: (labels: LabelValues) => State
  readonly #states = new Map<string, State>()
  readonly #dropped = { series: 0, value: 0 }

  constructor(labels: readonly string[], create: (labels: LabelValues) => State) {
    this.#labels = labels
    this.#create = create
    // Without labels there is one series, and it is there from the beginning: 0 says more than nothing.
    if (labels.length === 0) this.of({})
  }

  /** The state for these labels, or undefined where it was dropped. */
  of(given: LabelValues): State | undefined {
    const values = this.#labels.map((label) => labelValue(given[label]))
    // Never joined by a character, which a value could contain.
    const key = values.length === 1 ? values[0]! : JSON.stringify(values)
    const known = this.#states.get(key)
    if (known) return known
    if (this.#states.size >= MAX_SERIES) return void this.#dropped.series++
    const state = this.#create(
      Object.fromEntries(this.#labels.map((label, index) => [label, values[index]!])),
    )
    this.#states.set(key, state)
    return state
  }

  /** The state for a sample, where both can be kept. */
  forSample(given: LabelValues, isGood: boolean): State | undefined {
    if (isGood) return this.of(given)
    this.#dropped.value++
    return undefined
  }

  get dropped(): DroppedSamples {
    return this.#dropped
  }

  states(): IterableIterator<State> {
    return this.#states.values()
  }
}

/** Whatever it is; callers without types may leave it out. */
const labelValue = (value: unknown): string =>
  value === undefined ? '' : String(value).slice(0, MAX_VALUE_LENGTH).toWellFormed()
