import { array, assert, asyncProperty, constantFrom, integer, record } from 'fast-check'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { ClientRates } from './client-rates.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const take = record({
  client: constantFrom('a', 'b', '__proto__'),
  weight: integer({ min: 1, max: 2 }),
  waitMs: integer({ min: 0, max: 1_500 }),
})

/** What a window is, told in the shortest way. */
class Window {
  #end = -Infinity
  #taken = 0

  take(weight: number, max: number, windowMs: number) {
    const now = Date.now()
    if (now >= this.#end) {
      this.#end = now + Math.ceil(windowMs / 1000) * 1000
      this.#taken = 0
    }
    this.#taken += weight
    const remaining = Math.max(0, max - this.#taken)
    const resetSeconds = Math.max(1, Math.ceil((this.#end - now) / 1000))
    return { allowed: this.#taken <= max, remaining, resetSeconds }
  }
}

it('counts each client in windows that begin with its first request, whatever comes when', async () => {
  const limit = record({ max: integer({ min: 1, max: 8 }), windowMs: integer({ min: 1_000, max: 5_000 }) })
  const check = asyncProperty(limit, array(take, { maxLength: 40 }), async ({ max, windowMs }, takes) => {
    const rates = new ClientRates({ max, windowMs }, { keyPrefix: 'rate:' })
    const windows = new Map<string, Window>()
    for (const { client, weight, waitMs } of takes) {
      await vi.advanceTimersByTimeAsync(waitMs)
      const window = windows.get(client) ?? new Window()
      windows.set(client, window)
      const expected = {
        limit: max,
        windowSeconds: Math.ceil(windowMs / 1000),
        ...window.take(weight, max, windowMs),
      }
      expect(await rates.take(client, weight)).toEqual(expected)
    }
  })
  await assert(check, { numRuns: 200 })
})
