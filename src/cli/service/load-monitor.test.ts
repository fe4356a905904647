import { describe, expect, it } from 'vitest'
import { noLog } from '../../core/service.ts'
import { inFlightLimits, LoadMonitor, type LoadLimits } from './load-monitor.ts'

const MIB = 1 << 20

/** A monitor of a process that fares as the test says. */
function scene(limits: Partial<LoadLimits> = {}) {
  const now = { delay: 0, memory: 0, heap: 0, collections: 0 }
  const monitor = new LoadMonitor({ eventLoopDelayMs: 1000, memoryBytes: 100 * MIB, ...limits }, noLog, {
    eventLoopDelayMs: () => now.delay,
    memoryBytes: () => now.memory,
    heapShare: () => now.heap,
    collectGarbage: () => void now.collections++,
  })
  const look = (change: Partial<typeof now>, times = 1) => {
    Object.assign(now, change)
    for (let time = 0; time < times; time++) monitor.look()
    return monitor.reason
  }
  return { now, look }
}

describe('the load monitor', () => {
  it('has no reason while all is well', () => {
    expect(scene().look({ delay: 1000, memory: 100 * MIB, heap: 0.9 }, 9)).toBeUndefined()
  })

  it('refuses when the event loop is late, for a second after', () => {
    const { look } = scene()
    expect(look({ delay: 1500 })).toBe('the event loop is 1500 ms late')
    expect(look({ delay: 0 }, 3)).toBeDefined()
    expect(look({})).toBeUndefined()
  })

  it('goes on refusing until it is clearly better', () => {
    const { look } = scene()
    look({ delay: 1500 })
    expect(look({ delay: 900 }, 9)).toBe('the event loop is 900 ms late')
    expect(look({ delay: 400 }, 4)).toBeUndefined()
    expect(look({ memory: 101 * MIB })).toBe('the process takes 101 MiB of memory')
    expect(look({ memory: 99 * MIB })).toBeDefined()
    expect(look({ memory: 94 * MIB })).toBeUndefined()
  })

  it('refuses when the heap is nearly used up', () => {
    const { look } = scene()
    expect(look({ heap: 0.95 })).toBe('95 % of the heap is used')
    expect(look({ heap: 0.8 })).toBeUndefined()
  })

  it('has garbage collected when memory is short, and not with every look', () => {
    const { look, now } = scene()
    look({ delay: 9000 })
    expect(now.collections).toBe(0)
    look({ delay: 0, memory: 200 * MIB }, 9)
    expect(now.collections).toBe(1)
  })

  it.each([
    ['delays', { eventLoopDelayMs: 0 }, { delay: 1e9 }],
    ['memory', { memoryBytes: 0 }, { memory: 1e12, heap: 1 }],
  ])('does not look at %s where it is told not to', (_, limits, change) => {
    expect(scene(limits).look(change)).toBeUndefined()
  })

  it('measures this process', async () => {
    const monitor = new LoadMonitor({ eventLoopDelayMs: 50, memoryBytes: 0 }, noLog)
    monitor.start()
    await new Promise((resolve) => setTimeout(resolve, 50))
    const end = performance.now() + 300
    while (performance.now() < end);
    await expect.poll(() => monitor.reason).toMatch(/the event loop is \d+ ms late/)
    await expect.poll(() => monitor.reason, { timeout: 10_000 }).toBeUndefined()
    monitor.stop()
  })

  it('has garbage of this process collected', async () => {
    const monitor = new LoadMonitor({ eventLoopDelayMs: 0, memoryBytes: 1 }, noLog)
    let collected = false
    const registry = new FinalizationRegistry(() => (collected = true))
    const waste = () => registry.register({ large: 'x'.repeat(1000) }, 0)
    waste()
    monitor.look()
    expect(monitor.reason).toMatch(/the process takes \d+ MiB of memory/)
    await expect.poll(() => collected).toBe(true)
    // Needed until here: a registry that is garbage itself tells nothing.
    registry.unregister({})
  })
})

describe('what may be under way at once', () => {
  it('follows the memory that there is', () => {
    expect(inFlightLimits(512 * MIB, 8 * MIB)).toEqual({ requests: 512, bodyBytes: 32 * MIB })
    expect(inFlightLimits(1, 8 * MIB)).toEqual({ requests: 100, bodyBytes: 8 * MIB })
    expect(inFlightLimits(0, 8 * MIB).requests).toBeGreaterThan(100)
  })
})
