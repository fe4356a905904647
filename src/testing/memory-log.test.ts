import { getEventListeners } from 'node:events'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { FIRST_POSITION } from '../core/position.ts'
import type { Consumer } from '../core/stream-log.ts'
import { MemoryStreamLog } from './memory-log.ts'

const entry = { fields: ['number', '1'] }

describe('MemoryStreamLog', () => {
  afterEach(() => void vi.useRealTimers())

  const stopTime = (now: number) => {
    vi.useFakeTimers({ now, toFake: ['Date', 'setTimeout', 'clearTimeout'] })
  }

  test('positions grow also where the clock stands still or goes back', async () => {
    stopTime(1_000)
    const log = new MemoryStreamLog()
    const first = await log.append(
      's',
      Array.from({ length: 11 }, () => entry),
    )
    vi.setSystemTime(500)
    const second = await log.append('s', [entry])
    vi.setSystemTime(2_000)
    const third = await log.append('s', [entry])
    expect([first.at(0), first.at(-1), ...second, ...third]).toEqual([
      '1000-0',
      '1000-10',
      '1000-11',
      '2000-0',
    ])
    expect(await log.read('s', '1000-9', 10)).toHaveLength(3)
  })

  test('no position is the first one, at the beginning of time either', async () => {
    stopTime(0)
    expect(await new MemoryStreamLog().append('s', [entry])).toEqual(['0-1'])
  })

  test('fake timers rule retries, and what waits wakes when they say so', async () => {
    stopTime(1_000)
    const log = new MemoryStreamLog()
    const consumer = await log.join({ stream: 's', group: 'g', consumer: 'c' })
    await log.append('s', [entry])
    const { signal } = new AbortController()
    const [claim] = await consumer.claim(1, 0, signal)
    await consumer.settle([{ kind: 'retry', position: claim!.position, attempts: 1, delayMs: 3_600_000 }])
    const waiting = consumer.claim(1, Infinity, signal)
    await vi.waitUntil(() => vi.getTimerCount() === 1)
    vi.advanceTimersByTime(3_600_000)
    expect(await waiting).toMatchObject([{ attempt: 2 }])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('an endless wait is one timer', async () => {
    stopTime(1_000)
    const log = new MemoryStreamLog()
    const [position] = await log.append('s', [entry])
    const waiting = log.read('s', String(position), 1, { waitMs: Infinity })
    vi.advanceTimersByTime(2 ** 31 - 2)
    expect(vi.getTimerCount()).toBe(1)
    await log.append('s', [entry])
    expect(await waiting).toHaveLength(1)
  })

  test.each([
    ['the time', () => vi.advanceTimersByTime(1_000)],
    ['an entry', (log: MemoryStreamLog) => void log.append('s', [entry])],
    ['an abort', (_: MemoryStreamLog, controller: AbortController) => controller.abort()],
  ])('a wait that %s ends leaves no timer and no listener behind', async (_, end) => {
    stopTime(1_000)
    const log = new MemoryStreamLog()
    const consumer = await log.join({ stream: 's', group: 'g', consumer: 'c' })
    const controller = new AbortController()
    const { signal } = controller
    const waiting = [
      consumer.claim(1, 1_000, signal),
      log.read('s', FIRST_POSITION, 1, { waitMs: 1_000, signal }),
    ]
    await vi.waitUntil(() => vi.getTimerCount() === 2)
    expect(getEventListeners(signal, 'abort')).toHaveLength(2)
    end(log, controller)
    await Promise.all(waiting)
    expect(vi.getTimerCount()).toBe(0)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  test('a loop of claims lets timers have their turn', async () => {
    const log = new MemoryStreamLog()
    await log.append('s', [entry])
    const consumer = await log.join({ stream: 's', group: 'g', consumer: 'c' })
    const controller = new AbortController()
    const timer = setTimeout(() => controller.abort(), 1)
    for (let round = 0; round < 100_000 && !controller.signal.aborted; round++) {
      const claims = await consumer.claim(1, 1_000, controller.signal)
      await consumer.settle(claims.map(({ position }) => ({ kind: 'release', position, attempts: 0 })))
    }
    clearTimeout(timer)
    expect(controller.signal.aborted).toBe(true)
  })

  test.each([
    [
      'releases',
      (consumer: Consumer) => consumer.settle([{ kind: 'release', position: '1000-0', attempts: 0 }]),
    ],
    ['leaves', (consumer: Consumer) => consumer.leave()],
  ])('a claim that waits wakes when another %s', async (_, giveBack) => {
    stopTime(1_000)
    const log = new MemoryStreamLog()
    await log.append('s', [entry])
    const [holding, waiting] = [
      await log.join({ stream: 's', group: 'g', consumer: 'holding' }),
      await log.join({ stream: 's', group: 'g', consumer: 'waiting' }),
    ]
    const { signal } = new AbortController()
    await holding.claim(1, 0, signal)
    const claimed = waiting.claim(1, Infinity, signal)
    await vi.waitUntil(() => vi.getTimerCount() === 1)
    await giveBack(holding)
    expect(await claimed).toMatchObject([{ position: '1000-0', attempt: 1 }])
  })

  test('a stream that was deleted is read from the start even where its positions come again', async () => {
    stopTime(1_000)
    const log = new MemoryStreamLog()
    const consumer = await log.join({ stream: 's', group: 'g', consumer: 'c', start: '$' })
    const { signal } = new AbortController()
    for (let life = 1; life <= 2; life++) {
      await log.append('s', [entry, entry, entry])
      const claims = await consumer.claim(10, 0, signal)
      expect(claims.map(({ position }) => position)).toEqual(['1000-0', '1000-1', '1000-2'])
      await consumer.settle(claims.map(({ position }) => ({ kind: 'acknowledge', position })))
      await log.deleteStream('s')
    }
  })

  test('who has left claims no more', async () => {
    const log = new MemoryStreamLog()
    const consumer = await log.join({ stream: 's', group: 'g', consumer: 'c' })
    await consumer.leave()
    await expect(consumer.claim(1, 0, new AbortController().signal)).rejects.toMatchObject({ code: 'CLOSED' })
    expect(await consumer.heartbeat()).toEqual([])
  })
})
