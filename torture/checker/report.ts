import type { TortureOptions } from '../options.ts'

/** What was promised and not kept. */
export interface Violation {
  /** Which promise, such as `lost`. */
  readonly invariant: string
  /** Whom it is about: an event, a group, a process. */
  readonly subject: string
  readonly expected: string
  readonly found: string
  /** Where the evidence of an event is. */
  readonly lane?: string
  readonly eventId?: string
  /** When it went wrong, as far as that is known, in ms since 1970. */
  readonly at?: number
  /** Every line of the evidence that names it, and the faults around its time. Filled in at the end. */
  story?: readonly string[]
  faults?: readonly string[]
}

export interface Distribution {
  readonly count: number
  readonly p50: number
  readonly p90: number
  readonly max: number
}

export interface Report {
  readonly options: TortureOptions
  readonly violations: readonly Violation[]
  /** How many violations there are of each promise; those listed are the first of each. */
  readonly totals: Readonly<Record<string, number>>
  readonly published: Readonly<Record<string, Readonly<Record<'ok' | 'failed' | 'unknown', number>>>>
  readonly effects: number
  readonly repeats: number
  /** How many faults of each kind there were. */
  readonly faults: Readonly<Record<string, number>>
  /** Accepted events that are gone with what a fault destroyed, entry by entry: lane, group, event id, fault. */
  readonly destroyed: readonly string[]
  /** Time from the end of a fault to the next effect of the slowest group, in ms, by kind. */
  readonly progress: Readonly<Record<string, Distribution>>
  /** Time from the death of a worker to the next start of what it had started, in ms. */
  readonly redelivery: Distribution
  /** Heap and resident memory in MB, medians of the first and the last third, by kind of process. */
  readonly memory: Readonly<Record<string, { heap: [number, number]; resident: [number, number] }>>
  readonly seconds: number
}

export function distributionOf(values: readonly number[]): Distribution {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (part: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0)
  return { count: sorted.length, p50: at(0.5), p90: at(0.9), max: at(1) }
}
