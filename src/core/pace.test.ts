import { describe, expect, test } from 'vitest'
import { Pace } from './pace.ts'

const forEver = new AbortController().signal
const timed = async (work: () => Promise<void>): Promise<number> => {
  const from = performance.now()
  await work()
  return performance.now() - from
}

describe('a pace', () => {
  test.each([0, -1, Number.NaN])('of %s a second is none', (rate) => {
    expect(() => new Pace(rate, 10)).toThrow('must be a number above 0')
    expect(() => new Pace(() => rate, 10)).toThrow('must be a number above 0')
  })

  test('without a limit waits for nothing, also before and after one', async () => {
    let rate = Infinity
    const pace = new Pace(() => rate, 250)
    expect(pace.stepSize).toBe(250)
    expect(await timed(() => pace.spend(1e12, forEver))).toBeLessThan(1_000)
    rate = 1_000
    expect(pace.stepSize).toBe(100)
    expect(await timed(() => pace.spend(300, forEver))).toBeGreaterThan(200)
    rate = Infinity
    expect(await timed(() => pace.spend(1e12, forEver))).toBeLessThan(1_000)
  })

  test('is kept over many steps', async () => {
    const pace = new Pace(1_000, 10)
    const ms = await timed(async () => {
      for (let step = 0; step < 50; step++) await pace.spend(10, forEver)
    })
    // What 500 cost, less the 20 ms that are made up for.
    expect(ms).toBeGreaterThan(460)
  })

  test('that changes is heard of while somebody waits', async () => {
    let rate = 0.001
    const pace = new Pace(() => rate, 10)
    expect(pace.stepSize).toBe(1)
    const waiting = timed(() => pace.spend(1, forEver))
    rate = 1_000
    expect(await waiting).toBeLessThan(10_000)
  })

  test('is over when the signal is aborted', async () => {
    const pace = new Pace(0.001, 10)
    expect(await timed(() => pace.spend(1, AbortSignal.timeout(20)))).toBeLessThan(10_000)
  })
})
