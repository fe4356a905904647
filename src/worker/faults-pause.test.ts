import { afterEach, expect, test } from 'vitest'
import { until } from '../../test/support/until.ts'
import type { Consumer, StreamLog } from '../core/stream-log.ts'
import { Worker } from './worker.ts'
import type { WorkerOptions } from './worker-options.ts'

let worker: Worker | undefined
afterEach(() => worker?.stop(1_000))

/** A worker on a log whose claims fail until the test says otherwise; when each came, and how long it would have waited. */
async function start(options: Partial<WorkerOptions>) {
  const scene = { fails: true, waits: [] as number[] }
  const consumer: Partial<Consumer> = {
    mayRun: true,
    heartbeat: async () => [],
    leave: async () => {},
    async claim(_limit, waitMs) {
      scene.waits.push(waitMs)
      if (scene.fails) throw new Error('no connection')
      await new Promise((resolve) => setTimeout(resolve, 5))
      return []
    },
  }
  const log: Partial<StreamLog> = { join: async () => consumer as Consumer }
  worker = new Worker(log as StreamLog, { stream: 's', group: 'g', handler: () => {}, ...options })
  await worker.start()
  return { scene, worker }
}

test('a read that fails is made again at longer and longer intervals, and at once when it may go well', async () => {
  const { scene, worker } = await start({ maxFaultDelayMs: 600_000 })
  // By now the pause is some seconds long.
  await until('some failures', () => scene.waits.length === 5)
  scene.fails = false
  const before = worker.status.lastLoopAt
  worker.tryAgain()
  expect(await until('progress', () => worker.status.lastLoopAt > before, 1_000)).toBe(true)
})

test('no pause is longer than it may be', async () => {
  const { scene } = await start({ maxFaultDelayMs: 1 })
  expect(await until('many failures', () => scene.waits.length > 100, 5_000)).toBe(true)
})

test('a read waits as long as it was told; the first one after a fault shows at once that all is well', async () => {
  const { scene } = await start({ pollMs: 300, maxFaultDelayMs: 1 })
  await until('failures', () => scene.waits.length > 2)
  scene.fails = false
  await until('successes', () => scene.waits.at(-1) === 300)
  expect(scene.waits[0]).toBe(300)
  expect(scene.waits[1]).toBe(50)
})

test.each([{ pollMs: 0 }, { maxFaultDelayMs: -1 }, { claimIntervalMs: 1.5 }])('%j is refused', (options) => {
  const [name] = Object.keys(options)
  expect(
    () => new Worker({} as StreamLog, { stream: 's', group: 'g', handler: () => {}, ...options }),
  ).toThrow(`${name}: must be a whole number of ms`)
})
