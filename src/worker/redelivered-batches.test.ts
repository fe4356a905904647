import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { array, assert, asyncProperty, constantFrom, integer, record } from 'fast-check'
import { ScriptedConsumer, turn } from '../../test/support/scripted-consumer.ts'
import { until } from '../../test/support/until.ts'
import type { BatchHandler, Delivery } from '../core/delivery.ts'
import type { Claim } from '../core/stream-log.ts'
import { HandlerPool } from './handler-pool.ts'
import { Processor } from './processor.ts'
import { resolveWorkerOptions, type WorkerOptions } from './worker-options.ts'

const entry = (position: string, attempt: number, origin: Claim['origin'], key?: string): Claim => ({
  position,
  attempt,
  origin,
  fields: ['type', 'number', 'data', '1', ...(key === undefined ? [] : ['partitionkey', key])],
})

const positionsOf = (deliveries: readonly { position: string }[]) =>
  deliveries.map(({ position }) => position)

describe('a processor that takes batches', () => {
  let consumer: ScriptedConsumer
  let stopping: AbortController
  let processor: Processor
  /** The positions of each call of the handler. */
  let calls: string[][]
  beforeEach(() => {
    consumer = new ScriptedConsumer()
    stopping = new AbortController()
    calls = []
  })
  afterEach(() => processor.close())

  function process(options: Partial<WorkerOptions> = {}, handle: BatchHandler = () => {}): Processor {
    const batchHandler: BatchHandler = (deliveries) => {
      calls.push(positionsOf(deliveries))
      return handle(deliveries)
    }
    const given = { stream: 's', group: 'g', batch: { size: 10 }, concurrency: 1, ...options, batchHandler }
    const resolved = resolveWorkerOptions(given)
    const pool = new HandlerPool(resolved.concurrency)
    const surroundings = { pool, weight: 1, stopping: stopping.signal, onRoom: () => {} }
    processor = new Processor(consumer, resolved, surroundings)
    return processor
  }

  const settledAll = (count: number) =>
    until('all', async () => {
      await consumer.endAll()
      return consumer.settled.length === count
    })

  test('takes what died once and what was given back with what is new, and says in one call that it starts', async () => {
    const begins: string[][] = []
    consumer.begin = async (claims) => {
      begins.push(positionsOf(claims))
      return []
    }
    process()
    const given = [
      entry('1-0', 2, 'abandoned'),
      entry('1-1', 1, 'retry'),
      entry('1-2', 1, 'new'),
      entry('1-3', 2, 'abandoned'),
    ]
    await processor.accept(given)
    await settledAll(4)
    expect(calls).toEqual([positionsOf(given)])
    expect(begins).toEqual([['1-0', '1-1', '1-3']])
  })

  test('runs alone what failed before, and what died twice', async () => {
    process()
    await processor.accept([
      entry('1-0', 2, 'abandoned'),
      entry('1-1', 2, 'retry'),
      entry('1-2', 3, 'abandoned'),
      entry('1-3', 2, 'abandoned'),
      entry('1-4', 1, 'new'),
    ])
    await settledAll(5)
    expect(calls).toHaveLength(4)
    for (const call of [['1-0'], ['1-1'], ['1-2'], ['1-3', '1-4']]) expect(calls).toContainEqual(call)
  })

  test('runs alone all that died, where the policy has too few attempts for a second death', async () => {
    process({ retry: { attempts: 2 } })
    await processor.accept(['1-0', '1-1', '1-2'].map((position) => entry(position, 2, 'abandoned')))
    await settledAll(3)
    expect(calls).toEqual([['1-0'], ['1-1'], ['1-2']])
  })

  test('leaves those out that went to another consumer, and their keys go on', async () => {
    consumer.begin = async () => ['1-0', '1-2']
    process()
    await processor.accept([
      entry('1-0', 2, 'abandoned', 'a'),
      entry('1-1', 2, 'abandoned'),
      entry('1-2', 2, 'abandoned'),
      entry('1-3', 1, 'new', 'a'),
    ])
    await settledAll(2)
    expect(calls.map((call) => call.toSorted())).toEqual([['1-1', '1-3']])
    expect(processor.counters).toMatchObject({ lost: 2, processed: 2 })
    await processor.accept([entry('1-4', 1, 'new', 'a')])
    await settledAll(3)
    expect(calls.at(-1)).toEqual(['1-4'])
  })

  test('starts nothing new whose lease ran out while it waited for the others', async () => {
    consumer.begin = async () => {
      consumer.mayRun = false
      return []
    }
    process()
    await processor.accept([entry('1-0', 2, 'abandoned'), entry('1-1', 1, 'new')])
    await settledAll(1)
    expect(calls).toEqual([['1-0']])
    expect(processor.counters.lost).toBe(1)
  })

  test('gives back each of them once, as it came, when it is stopped before they start', async () => {
    let answer = (): void => {}
    consumer.begin = () => new Promise((resolve) => (answer = () => resolve([])))
    process()
    await processor.accept([
      entry('1-0', 2, 'abandoned', 'a'),
      entry('1-1', 2, 'abandoned', 'a'),
      entry('1-2', 1, 'retry', 'a'),
      entry('1-3', 1, 'new', 'a'),
    ])
    await turn()
    stopping.abort()
    const finished = processor.finish()
    answer()
    await settledAll(4)
    await finished
    expect(calls).toEqual([])
    expect(consumer.settled.toSorted((a, b) => a.position.localeCompare(b.position))).toMatchObject([
      { kind: 'release', position: '1-0', attempts: 1 },
      { kind: 'release', position: '1-1', attempts: 1 },
      { kind: 'release', position: '1-2', attempts: 0 },
      { kind: 'release', position: '1-3', attempts: 0 },
    ])
  })

  test('waits with all of a batch while their starts can not be written down, and runs them together', async () => {
    let refusals = 2
    consumer.begin = () => (refusals-- > 0 ? Promise.reject(new Error('not now')) : Promise.resolve([]))
    process()
    const given = Array.from({ length: 8 }, (_, sequence) => entry(`1-${sequence}`, 2, 'abandoned'))
    await processor.accept(given)
    await settledAll(8)
    expect(calls).toEqual([positionsOf(given)])
  })

  test('runs those of a batch that fails one by one in the same attempt, and the culprit alone from then on', async () => {
    const attempts = new Map<string, number[]>()
    process({ retry: { attempts: 3 } }, (deliveries) => {
      for (const { position, attempt } of deliveries)
        attempts.set(position, [...(attempts.get(position) ?? []), attempt])
      if (positionsOf(deliveries).includes('1-2')) throw new Error('two')
    })
    const given = Array.from({ length: 5 }, (_, sequence) => entry(`1-${sequence}`, 2, 'abandoned'))
    await processor.accept(given)
    await settledAll(5)
    expect(calls).toEqual([positionsOf(given), ...given.map(({ position }) => [position])])
    expect([...attempts.values()]).toEqual(given.map(() => [2, 2]))
    const ends = new Map(consumer.settled.map((outcome) => [outcome.position, outcome]))
    expect(ends.get('1-2')).toMatchObject({ kind: 'retry', attempts: 2 })
    expect(consumer.settled.filter(({ kind }) => kind === 'acknowledge')).toHaveLength(4)
    await processor.accept([entry('1-2', 3, 'retry'), entry('1-7', 2, 'abandoned')])
    await settledAll(7)
    expect(calls.slice(-2)).toEqual([['1-2'], ['1-7']])
    expect(consumer.settled.slice(-2)).toContainEqual({ kind: 'acknowledge', position: '1-7' })
    const burial = consumer.settled.find(({ kind }) => kind === 'dead-letter')
    expect(burial).toMatchObject({ position: '1-2', attempts: 3 })
  })
})

describe('whatever comes, new and redelivered', () => {
  const kinds = constantFrom<[number, Claim['origin']]>(
    [1, 'new'],
    [2, 'abandoned'],
    [3, 'abandoned'],
    [1, 'retry'],
    [2, 'retry'],
  )
  const given = array(
    record({ kind: kinds, key: constantFrom('a', 'b', undefined), arrival: integer({ min: 0, max: 2 }) }),
    { maxLength: 40 },
  )

  test('of a key one ends behind the other, none in two batches at once, each once, and suspects alone', async () => {
    await assert(
      asyncProperty(given, integer({ min: 1, max: 5 }), async (all, size) => {
        const claims = all.map(({ kind: [attempt, origin], key }, n) => entry(`1-${n}`, attempt, origin, key))
        const consumer = new ScriptedConsumer()
        const ended: Delivery[] = []
        const running: Delivery[] = []
        const wrong: string[] = []
        const batchHandler: BatchHandler = async (deliveries) => {
          const keys = new Set(deliveries.map(({ event }) => event.key))
          for (const { event } of running)
            if (event.key !== undefined && keys.has(event.key)) wrong.push(`two of ${event.key} at once`)
          running.push(...deliveries)
          const isSuspect = ({ attempt }: Delivery) => attempt === 3
          if (running.some(isSuspect) && running.length > 1) wrong.push('a suspect beside others')
          const hasFailed = deliveries.some(
            ({ attempt, entry: of }) => attempt === 2 && (of as Claim).origin === 'retry',
          )
          if (hasFailed && deliveries.length > 1) wrong.push('what failed before in a batch')
          await turn()
          ended.push(...deliveries)
          for (const one of deliveries) running.splice(running.indexOf(one), 1)
        }
        const options = { stream: 's', group: 'g', batchHandler, batch: { size }, concurrency: 3 }
        const processor = new Processor(consumer, resolveWorkerOptions(options), {
          pool: new HandlerPool(3),
          weight: 1,
          stopping: new AbortController().signal,
          onRoom: () => {},
        })
        // Of a key each portion brings what is younger, as a stream does.
        const portions = all.map(({ arrival }) => arrival).toSorted()
        for (const portion of [0, 1, 2])
          await processor.accept(claims.filter((_, index) => portions[index] === portion))
        await until('all', async () => {
          await consumer.endAll()
          return consumer.settled.length === claims.length
        })
        // A late repeat would begin now.
        await turn()
        await processor.close()
        expect(wrong).toEqual([])
        expect(positionsOf(ended).toSorted(byNumber)).toEqual(positionsOf(claims))
        for (const key of ['a', 'b']) {
          const ofKey = positionsOf(ended.filter(({ event }) => event.key === key))
          expect(ofKey).toEqual(ofKey.toSorted(byNumber))
        }
      }),
      { numRuns: 60 },
    )
  })
})

const byNumber = new Intl.Collator('en', { numeric: true }).compare
