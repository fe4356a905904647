import type { LatencySummary } from './latencies.ts'

/** What a run has to keep to count as passed. */
export interface Thresholds {
  /** In ms. */
  maxP50Ms?: number
  maxP95Ms?: number
  maxP99Ms?: number
  /** How many requests may fail, or which share of them, from 0 to 1 (a count of 0). */
  maxErrors?: { count: number } | { share: number }
  /** Wanted answers a second. */
  minRatePerSecond?: number
}

const PERCENTILES: readonly [name: 'p50' | 'p95' | 'p99', limit: 'maxP50Ms' | 'maxP95Ms' | 'maxP99Ms'][] = [
  ['p50', 'maxP50Ms'],
  ['p95', 'maxP95Ms'],
  ['p99', 'maxP99Ms'],
]

/** What of a report is held against them. */
interface Measured {
  readonly partial: boolean
  readonly requests: { readonly begun: number; readonly failed: number; readonly neverBegun: number }
  readonly answersPerSecond: number
  readonly latency: LatencySummary | null
}

/** All that was not kept, a line each; none where the run passed. */
export function missedThresholds(report: Measured, thresholds: Thresholds): string[] {
  const { requests, answersPerSecond, partial } = report
  const { minRatePerSecond } = thresholds
  const missed = PERCENTILES.flatMap(([name, limit]) =>
    missedLatency(report.latency, name, thresholds[limit]),
  )
  missed.push(...missedErrors(requests, thresholds.maxErrors ?? { count: 0 }))
  if (minRatePerSecond !== undefined && answersPerSecond < minRatePerSecond)
    missed.push(`${answersPerSecond} answers a second, fewer than the ${minRatePerSecond} wanted`)
  if (requests.neverBegun > 0)
    missed.push(`${requests.neverBegun} requests were due and never begun: the rate was not kept`)
  if (requests.begun === 0) missed.push('nothing was measured')
  if (partial) missed.push('it was stopped before its end')
  return missed
}

function missedLatency(
  latency: LatencySummary | null,
  name: 'p50' | 'p95' | 'p99',
  limitMs?: number,
): string[] {
  if (limitMs === undefined) return []
  if (!latency) return [`${name} is not known: nothing was answered`]
  const ms = latency[name]
  return ms > limitMs ? [`${name} is ${ms} ms, more than the ${limitMs} ms allowed`] : []
}

function missedErrors(
  { begun, failed }: Measured['requests'],
  most: NonNullable<Thresholds['maxErrors']>,
): string[] {
  const allowed = 'count' in most ? most.count : most.share * begun
  if (failed <= allowed) return []
  const wanted = 'count' in most ? `${most.count}` : `${Number((most.share * 100).toPrecision(6))}%`
  return [`${failed} of ${begun} requests failed, more than the ${wanted} allowed`]
}
