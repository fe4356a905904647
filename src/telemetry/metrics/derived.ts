import type { Metric, MetricKind, Sample } from '../../core/metric.ts'

/** A metric whose numbers are kept somewhere else, and fetched from there. */
export function derived(
  kind: MetricKind,
  name: string,
  labels: readonly string[],
  help: string,
  collect: () => readonly Sample[],
): Metric {
  return { kind, name, labels, help, collect }
}

/** A number of its own, without labels; none while it is not known. */
export const single = (
  kind: MetricKind,
  name: string,
  help: string,
  read: () => number | undefined,
): Metric =>
  derived(kind, name, [], help, () => {
    const value = read()
    return value === undefined ? [] : [{ labels: {}, value }]
  })
