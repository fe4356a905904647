import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { failureOf } from '../../test/support/until.ts'
import { LoadRun } from './load-run.ts'
import type { LoadPlan } from './plan.ts'
import { RequestFailure, type LoadTarget } from './target.ts'

beforeEach(
  () => void vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout', 'setImmediate'] }),
)
afterEach(() => void vi.useRealTimers())

/** Answers each request after a time that may follow from when it comes; undefined for never. */
class Simulated implements LoadTarget {
  readonly began: number[] = []
  most = 0
  readonly #delayAt: (sinceStart: number, n: number) => number | undefined
  readonly #startedAt = performance.now()
  #underWay = 0

  constructor(delayAt: (sinceStart: number, n: number) => number | undefined) {
    this.#delayAt = delayAt
  }

  async send(n: number): Promise<void> {
    const now = performance.now() - this.#startedAt
    this.began.push(now)
    this.most = Math.max(this.most, ++this.#underWay)
    const delay = this.#delayAt(now, n)
    await new Promise((resolve) => delay !== undefined && setTimeout(resolve, delay))
    this.#underWay--
  }

  async close(): Promise<void> {}
}

const LONGER_THAN_ANY_MS = 70_000

/** Runs it to its end, in no time. */
async function simulate(
  target: LoadTarget,
  plan: LoadPlan,
  signal = new AbortController().signal,
): Promise<LoadRun> {
  const run = new LoadRun(target, plan)
  const running = run.run(signal)
  await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_MS)
  await running
  return run
}

/** All that come between 2 and 3 s of its life are answered at its end: it stalls once for a second. */
const stalls = () => new Simulated((now) => (now >= 2_000 && now < 3_000 ? 3_001 - now : 1))
const over = (run: LoadRun, ms: number) => {
  const buckets = run.measurements.latencies.buckets()
  return buckets.filter(({ upToMs }) => upToMs > ms).reduce((sum, { count }) => sum + count, 0)
}

describe('a target that stalls for a second, at 100 requests a second', () => {
  const plan = { durationMs: 10_000, ratePerSecond: 100 }

  it('shows a hundred slow answers, not one, when only one may be under way', async () => {
    const run = await simulate(stalls(), { ...plan, concurrency: 1 })
    const { measurements } = run
    expect(measurements.ok).toBe(1_000)
    expect(over(run, 10)).toBeGreaterThan(95)
    expect(over(run, 10)).toBeLessThan(120)
    expect(measurements.late).toBeGreaterThan(95)
    expect(measurements.latestMs).toBeGreaterThan(900)
    expect(measurements.latencies.percentile(99)).toBeGreaterThan(800)
    // What a tester would say that measures from when it began them.
    expect(measurements.uncorrected.percentile(99)).toBeLessThan(10)
  })

  it('shows the same when all that are due may be under way, and none is late', async () => {
    const run = await simulate(stalls(), { ...plan, concurrency: 101 })
    expect(run.measurements.late).toBe(0)
    expect(over(run, 10)).toBeGreaterThan(95)
    expect(over(run, 10)).toBeLessThan(105)
    expect(run.measurements.latencies.percentile(99)).toBeGreaterThan(800)
  })

  it('is asked less in a closed loop, which says so by one slow answer', async () => {
    const run = await simulate(stalls(), { durationMs: 10_000, concurrency: 1 })
    expect(over(run, 10)).toBe(1)
    expect(run.measurements.late).toBe(0)
  })
})

describe('a target that is slower than the rate', () => {
  it('is not asked by more than may be under way, and what was never begun is counted', async () => {
    const target = new Simulated(() => 100)
    const run = await simulate(target, { durationMs: 10_000, ratePerSecond: 1_000, concurrency: 20 })
    expect(target.most).toBe(20)
    // 200 a second, and a second more to catch up.
    expect(run.measurements.begun).toBeGreaterThan(2_000)
    expect(run.measurements.begun).toBeLessThanOrEqual(2_220)
    expect(run.measurements.begun + run.neverBegun).toBe(10_000)
    expect(run.measurements.latestMs).toBeGreaterThan(8_000)
  })

  it('gets all of a count, late', async () => {
    const run = await simulate(new Simulated(() => 100), {
      count: 500,
      ratePerSecond: 1_000,
      concurrency: 10,
    })
    expect(run.measurements).toMatchObject({ begun: 500, ok: 500 })
    expect(run.neverBegun).toBe(0)
  })
})

describe('a plan', () => {
  it('counts exactly, and numbers without gaps', async () => {
    const numbers: number[] = []
    const target = new Simulated((_, n) => {
      numbers.push(n)
      return n % 7
    })
    const run = await simulate(target, { count: 1_003, concurrency: 16 })
    expect(run.measurements).toMatchObject({ begun: 1_003, ok: 1_003, underWay: 0 })
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 1_003 }, (_, index) => index + 1))
    expect(target.most).toBe(16)
  })

  it('keeps the rate: so many in the time, evenly', async () => {
    const target = new Simulated(() => 1)
    const run = await simulate(target, { durationMs: 5_000, ratePerSecond: 50, concurrency: 10 })
    expect(run.measurements.ok).toBe(250)
    expect(run.measuredMs).toBe(5_000)
    expect(target.began.filter((at) => at < 1_000)).toHaveLength(50)
  })

  it('ramps a rate up', async () => {
    const target = new Simulated(() => 1)
    await simulate(target, { durationMs: 4_000, ratePerSecond: 100, rampUpMs: 2_000, concurrency: 10 })
    expect(target.began).toHaveLength(300)
    expect(target.began.filter((at) => at < 1_000).length).toBeLessThan(30)
  })

  it('ramps up what is under way in a closed loop', async () => {
    const underWay: number[] = []
    const target: Simulated = new Simulated((now) => {
      underWay[Math.floor(now / 1_000)] = target.most
      return 10
    })
    await simulate(target, { durationMs: 4_000, rampUpMs: 4_000, concurrency: 8 })
    expect(underWay).toEqual([2, 4, 6, 8])
  })

  it.each([undefined, 100])(
    'leaves the warm-up out, and counts what comes after it (rate %s)',
    async (ratePerSecond) => {
      const target = new Simulated((now) => (now < 2_000 ? 500 : 20))
      const plan = { count: 200, warmUpMs: 3_000, concurrency: 60, ...(ratePerSecond && { ratePerSecond }) }
      const run = await simulate(target, plan)
      expect(run.measurements).toMatchObject({ begun: 200, ok: 200 })
      expect(run.warmUps).toBe(target.began.length - 200)
      expect(run.warmUps).toBeGreaterThan(100)
      expect(run.measurements.latencies.percentile(100)).toBeLessThan(30)
    },
  )

  it('measures what timed out by how long it waited, and no other failure', async () => {
    const target: LoadTarget = {
      send: async (n) => {
        if (n % 2) throw new RequestFailure('status', 'answered 500', '500')
        await new Promise((resolve) => setTimeout(resolve, 400))
        throw new RequestFailure('timeout', 'no answer')
      },
      close: async () => {},
    }
    const run = await simulate(target, { count: 10, concurrency: 2 })
    expect(run.measurements.failures.groups).toMatchObject([
      { kind: 'status', code: '500', count: 5 },
      { kind: 'timeout', count: 5 },
    ])
    expect(run.measurements.latencies.summary()).toMatchObject({ count: 5, min: 400 })
  })

  it.each([
    [{ ratePerSecond: 10 }, 26],
    [{}, 0],
  ])('ends early, with what was measured (%o), and what was due', async (rate, neverBegun) => {
    const stop = new AbortController()
    const target = new Simulated((_, n) => (n > 20 ? undefined : 10))
    setTimeout(() => stop.abort(), 5_000)
    const run = await simulate(target, { durationMs: 60_000, concurrency: 4, ...rate }, stop.signal)
    expect(run.partial).toBe(true)
    expect(run.measurements).toMatchObject({ ok: 20, underWay: 4 })
    expect(run.neverBegun).toBe(neverBegun)
    expect(run.measuredMs).toBe(5_000)
    const begun = target.began.length
    await vi.advanceTimersByTimeAsync(60_000)
    expect(target.began.length).toBe(begun)
  })

  it('begins nothing after it was stopped, also not what waited for its time', async () => {
    const stop = new AbortController()
    const target = new Simulated(() => 1)
    setTimeout(() => stop.abort(), 5_005)
    const run = await simulate(target, { durationMs: 60_000, concurrency: 4, ratePerSecond: 10 }, stop.signal)
    expect(run.measurements).toMatchObject({ begun: 51, ok: 51, underWay: 0 })
    expect(target.began).toHaveLength(51)
  })

  it('can be stopped while all fails before anything is sent', async () => {
    vi.useRealTimers()
    const stop = new AbortController()
    const target = new Simulated(() => 1)
    target.send = () => {
      throw new Error('the template makes no header')
    }
    setTimeout(() => stop.abort(), 20)
    const run = new LoadRun(target, { durationMs: 5_000, concurrency: 2 })
    await run.run(stop.signal)
    expect(run.partial).toBe(true)
    expect(run.measurements.failures.count).toBeGreaterThan(0)
  })

  it('is refused with all that is wrong', async () => {
    const target = new Simulated(() => 1)
    const plan = { count: 0, durationMs: 5, concurrency: 0.5, ratePerSecond: -1, rampUpMs: NaN, warmUpMs: -1 }
    const { message } = await failureOf(() => new LoadRun(target, plan))
    for (const part of [
      'either a count or a duration',
      'count',
      'concurrency',
      'ratePerSecond',
      'rampUpMs',
      'warmUpMs',
    ])
      expect(message).toContain(part)
  })
})
