import { expect, test } from 'vitest'
import { until } from '../../test/support/until.ts'
import { useLog, useRedisServer } from '../../test/support/use-redis.ts'
import { Lab } from '../../test/support/worker-lab.ts'

const log = useLog(useRedisServer())

function gate() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open: () => open() }
}

test('a worker takes batches of another size from now on, single events included', async () => {
  const lab = new Lab(log)
  const sizes: number[] = []
  const doors = [gate(), gate()] as const
  const worker = lab.worker({
    concurrency: 1,
    batch: { size: 1 },
    batchHandler: async ({ length }) => {
      sizes.push(length)
      if (sizes.length === 1) await doors[0].opened
      else if (length > 1) await doors[1].opened
    },
  })
  try {
    await lab.publish(60)
    await worker.start()
    await until('the first', () => sizes.length === 1)
    worker.batchSize = 4
    doors[0].open()
    await until('a batch', () => sizes.at(-1)! > 1)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(4)
    const before = sizes.length
    worker.batchSize = 1
    doors[1].open()
    await until('the end', () => worker.status.processed === 60)
    expect(new Set(sizes.slice(before))).toEqual(new Set([1]))
    expect(() => (worker.batchSize = 0)).toThrow(/batch.size: must be a whole number/)
  } finally {
    await Promise.all(lab.workers.map((one) => one.stop(1_000)))
  }
})

test('a worker that takes single events does not follow a size of batches', () => {
  const worker = new Lab(log).worker({ handler: () => {} })
  worker.batchSize = 50
  expect(worker.batchSize).toBe(1)
  worker.concurrency = 3
  expect(worker.concurrency).toBe(3)
})

test('a pause ends the read that waits, so that nothing that comes afterwards is taken', async () => {
  const lab = new Lab(log)
  const seen: unknown[] = []
  const worker = await lab.start(({ event }) => void seen.push(event.data), { pollMs: 900 })
  try {
    await lab.publish(1)
    await until('the first', () => seen.length === 1)
    worker.pause()
    const loopsAt = worker.status.lastLoopAt
    await until('the loop', () => worker.status.lastLoopAt > loopsAt)
    await lab.publish(2)
    const again = worker.status.lastLoopAt
    await until('another round', () => worker.status.lastLoopAt > again)
    expect(seen).toHaveLength(1)
    worker.resume()
    await until('the others', () => seen.length === 3)
  } finally {
    await worker.stop(1_000)
  }
})
