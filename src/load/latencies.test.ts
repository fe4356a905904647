import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Latencies } from './latencies.ts'

function recorded(all: readonly number[]): Latencies {
  const latencies = new Latencies()
  for (const ms of all) latencies.record(ms)
  return latencies
}

describe('latencies', () => {
  it('have percentiles', () => {
    const summary = recorded(Array.from({ length: 1_000 }, (_, index) => index + 1)).summary()!
    expect(summary).toMatchObject({ count: 1_000, min: 1, max: 1_000 })
    expect(summary.mean).toBeCloseTo(500.5, 0)
    expect(summary.p50 / 500).toBeCloseTo(1, 2)
    expect(summary.p99 / 990).toBeCloseTo(1, 2)
    expect(summary.p999 / 999).toBeCloseTo(1, 2)
  })

  it('are not known while there are none', () => {
    const none = new Latencies()
    expect([none.summary(), none.percentile(50), none.buckets()]).toEqual([undefined, undefined, []])
  })

  it('count as an hour beyond it, and as 0 below it', () => {
    expect(recorded([1e12, -5]).summary()).toMatchObject({ count: 2, min: 0, max: 3_600_000 })
  })

  it('are within a thousandth of the exact percentile, whatever they are', () => {
    const all = fc.array(fc.double({ min: 0.001, max: 100_000, noNaN: true }), {
      minLength: 1,
      maxLength: 300,
    })
    fc.assert(
      fc.property(all, fc.integer({ min: 1, max: 100 }), (values, percent) => {
        const exact = values.toSorted((a, b) => a - b)[Math.ceil((percent / 100) * values.length) - 1]!
        expect(Math.abs(recorded(values).percentile(percent)! - exact)).toBeLessThanOrEqual(
          exact * 0.001 + 0.001,
        )
      }),
    )
  })

  it('are all in the buckets, those between that hold none as well', () => {
    expect(recorded([0.4, 0.5, 0.6, 7]).buckets()).toEqual([
      { upToMs: 0.5, count: 2 },
      { upToMs: 1, count: 1 },
      { upToMs: 2, count: 0 },
      { upToMs: 5, count: 0 },
      { upToMs: 10, count: 1 },
    ])
  })

  it('are in buckets that add up', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e7, noNaN: true }), { maxLength: 100 }), (values) => {
        const buckets = recorded(values).buckets()
        expect(buckets.reduce((sum, { count }) => sum + count, 0)).toBe(values.length)
        expect(buckets.map(({ upToMs }) => upToMs)).toEqual(
          buckets.map(({ upToMs }) => upToMs).toSorted((a, b) => a - b),
        )
      }),
    )
  })
})
