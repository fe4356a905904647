import { setImmediate as immediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { HandlerPool, type Line } from './handler-pool.ts'

/** A line with work without end, or as much as the test says, that counts its turns. */
class CountedLine implements Line {
  turns = 0
  running = 0
  mostAtOnce = 0
  alone: boolean[] = []
  left: number
  suspects = 0
  readonly weight: number
  readonly #pool: HandlerPool
  readonly #total: { running: number }

  constructor(pool: HandlerPool, weight: number, left: number, total = { running: 0 }) {
    this.#pool = pool
    this.weight = weight
    this.left = left
    this.#total = total
  }

  hasReady = () => this.left > 0
  hasSuspect = () => this.suspects > 0

  start(): void {
    void this.#run().then(() => this.#pool.ended())
  }

  startSuspect(): void {
    void this.#runAlone().then(() => this.#pool.ended())
  }

  async #run(): Promise<void> {
    this.left--
    this.turns++
    this.#total.running++
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.running)
    await immediate()
    this.running--
    this.#total.running--
  }

  async #runAlone(): Promise<void> {
    this.suspects--
    const isAlone = () => this.alone.push(this.#total.running === 0)
    isAlone()
    await immediate()
    isAlone()
  }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await immediate()
}

test('runs as many at once as it may, and no more', async () => {
  const pool = new HandlerPool(3)
  const line = new CountedLine(pool, 1, 100)
  pool.join(line)
  pool.pump()
  await until(() => line.turns === 100)
  expect(line.mostAtOnce).toBe(3)
})

test('lines have turns by their weights, and none starves', async () => {
  const pool = new HandlerPool(2)
  const [high, low] = [new CountedLine(pool, 9, Infinity), new CountedLine(pool, 1, Infinity)]
  pool.join(low)
  pool.join(high)
  pool.pump()
  await until(() => low.turns + high.turns >= 1_000)
  expect(low.turns).toBeGreaterThanOrEqual(98)
  expect(low.turns).toBeLessThanOrEqual(102)
  high.left = 0
  low.left = 0
})

test('a line that had nothing to do gets its share then, and not what it missed', async () => {
  const pool = new HandlerPool(1)
  const [busy, late] = [new CountedLine(pool, 1, Infinity), new CountedLine(pool, 1, 0)]
  pool.join(busy)
  pool.join(late)
  pool.pump()
  await until(() => busy.turns >= 500)
  const before = busy.turns
  late.left = Infinity
  await until(() => late.turns >= 100)
  expect(busy.turns - before).toBeGreaterThanOrEqual(99)
  busy.left = 0
  late.left = 0
})

test('a suspect of one line runs with nothing of any other beside it', async () => {
  const total = { running: 0 }
  const pool = new HandlerPool(4)
  const [one, other] = [new CountedLine(pool, 1, 50, total), new CountedLine(pool, 1, 50, total)]
  pool.join(one)
  pool.join(other)
  one.suspects = 2
  pool.pump()
  await until(() => one.left + other.left === 0 && total.running === 0)
  expect(one.alone).toEqual([true, true, true, true])
})

test('who has left gets no more turns', async () => {
  const pool = new HandlerPool(1)
  const line = new CountedLine(pool, 1, Infinity)
  const leave = pool.join(line)
  pool.pump()
  await until(() => line.turns > 10)
  leave()
  await until(() => line.running === 0)
  const { turns } = line
  await immediate()
  expect(line.turns).toBe(turns)
})

test('runs more at once when it grows, and starts none beyond its size when it shrinks', async () => {
  const pool = new HandlerPool(2)
  const line = new CountedLine(pool, 1, Infinity)
  pool.join(line)
  pool.pump()
  expect(line.running).toBe(2)
  pool.resize(5)
  expect(line.running).toBe(5)
  pool.resize(1)
  await until(() => line.running <= 1)
  line.mostAtOnce = 0
  const { turns } = line
  await until(() => line.turns >= turns + 100)
  expect(line.mostAtOnce).toBe(1)
  line.left = 0
  for (const wrong of [0, 1.5, Number.NaN, -1])
    expect(() => pool.resize(wrong)).toThrow(/concurrency: must be a whole number/)
  expect(pool.concurrency).toBe(1)
})
