import type { FailureGroup } from './failures.ts'
import type { LatencyBucket, LatencySummary } from './latencies.ts'
import type { LoadRun } from './load-run.ts'
import type { LoadPlan } from './plan.ts'
import { missedThresholds, type Thresholds } from './thresholds.ts'

/** Raised when a field goes away or means something else; new fields leave it as it is. */
const REPORT_VERSION = 1

/** What was put under load: `kind` and what tells it, without secrets. */
export interface TargetDescription {
  kind: 'http' | 'stream' | 'rpc'
  [name: string]: string | number | null
}

/** What came of a run, as `--json` prints it. Times are in ms. */
export interface LoadReport {
  version: typeof REPORT_VERSION
  target: TargetDescription
  plan: LoadPlan
  /** ISO 8601. */
  startedAt: string
  /** For how long was measured, the warm-up left out. */
  measuredMs: number
  /** Whether it was ended before its plan was. */
  partial: boolean
  requests: {
    begun: number
    /** Answered as wanted. */
    ok: number
    failed: number
    /** Begun and not answered when the run was ended early. */
    unanswered: number
    /** Begun more than 10 ms after they were due, and how late the latest was. */
    late: number
    latestMs: number
    /** Due within the duration, and never begun. */
    neverBegun: number
    /** Made before measuring began. */
    warmUp: number
  }
  /** Wanted answers in a second. */
  answersPerSecond: number
  /** Whether `latency` is corrected for coordinated omission: it is where there is a rate. */
  corrected: boolean
  /** Of wanted answers and timeouts; from when a request was due where there is a rate. Null: there were none. */
  latency: LatencySummary | null
  /** Where there is a rate: from when a request was begun. */
  uncorrectedLatency: LatencySummary | null
  /** Of `latency`. */
  histogram: LatencyBucket[]
  errors: FailureGroup[]
  /** Which share of the time the tester itself was busy, 0 to 1. */
  testerBusy: number
  /** What was not kept, a line each. */
  missed: string[]
  passed: boolean
}

/** @param startedAt when the run began, in ms since 1970 */
export function reportOf(
  run: LoadRun,
  target: TargetDescription,
  plan: LoadPlan,
  startedAt: number,
  thresholds: Thresholds,
): LoadReport {
  const { measurements, measuredMs, partial } = run
  const corrected = plan.ratePerSecond !== undefined
  const answersPerSecond = measuredMs > 0 ? rounded((measurements.ok * 1_000) / measuredMs) : 0
  const measured = {
    measuredMs: rounded(measuredMs),
    partial,
    requests: countsOf(run),
    answersPerSecond,
    corrected,
    latency: measurements.latencies.summary() ?? null,
    uncorrectedLatency: (corrected && measurements.uncorrected.summary()) || null,
    histogram: measurements.latencies.buckets(),
    errors: measurements.failures.groups,
    testerBusy: rounded(run.busy),
  }
  const missed = missedThresholds(measured, thresholds)
  const began = {
    version: REPORT_VERSION,
    target,
    plan,
    startedAt: new Date(startedAt).toISOString(),
  } as const
  return { ...began, ...measured, missed, passed: missed.length === 0 }
}

function countsOf({ measurements, neverBegun, warmUps }: LoadRun): LoadReport['requests'] {
  const { begun, ok, failures, underWay, late, latestMs } = measurements
  return {
    begun,
    ok,
    failed: failures.count,
    unanswered: underWay,
    late,
    latestMs: rounded(latestMs),
    neverBegun,
    warmUp: warmUps,
  }
}

const rounded = (number: number): number => Math.round(number * 1_000) / 1_000
