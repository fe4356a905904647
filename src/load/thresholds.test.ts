import { expect, it } from 'vitest'
import type { LatencySummary } from './latencies.ts'
import { missedThresholds, type Thresholds } from './thresholds.ts'

const latency = { p50: 10, p95: 100, p99: 200 } as LatencySummary
const report = {
  partial: false,
  requests: { begun: 200, failed: 0, neverBegun: 0 },
  answersPerSecond: 50,
  latency,
}
const failing = { ...report, requests: { begun: 200, failed: 2, neverBegun: 0 } }

it.each<[Thresholds, typeof report]>([
  [{}, report],
  [{ maxP50Ms: 10, maxP95Ms: 100, maxP99Ms: 200, minRatePerSecond: 50 }, report],
  [{ maxErrors: { count: 2 } }, failing],
  [{ maxErrors: { share: 0.01 } }, failing],
])('%o is kept', (thresholds, measured) => expect(missedThresholds(measured, thresholds)).toEqual([]))

it('names each that is missed, in a line', () => {
  const wanted = { maxP50Ms: 9, maxP95Ms: 99, maxP99Ms: 199, minRatePerSecond: 51 }
  const stopped = { ...report, partial: true, requests: { begun: 200, failed: 2, neverBegun: 7 } }
  expect(missedThresholds(stopped, { ...wanted, maxErrors: { share: 0.009 } })).toEqual([
    'p50 is 10 ms, more than the 9 ms allowed',
    'p95 is 100 ms, more than the 99 ms allowed',
    'p99 is 200 ms, more than the 199 ms allowed',
    '2 of 200 requests failed, more than the 0.9% allowed',
    '50 answers a second, fewer than the 51 wanted',
    '7 requests were due and never begun: the rate was not kept',
    'it was stopped before its end',
  ])
})

it('allows no failure where nothing is said of them', () => {
  expect(missedThresholds(failing, {})).toEqual(['2 of 200 requests failed, more than the 0 allowed'])
})

it('takes no latency for a bad one', () => {
  const nothing = { ...report, requests: { begun: 0, failed: 0, neverBegun: 0 }, latency: null }
  expect(missedThresholds(nothing, { maxP95Ms: 1 })).toEqual([
    'p95 is not known: nothing was answered',
    'nothing was measured',
  ])
})
