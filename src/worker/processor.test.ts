import { afterEach, beforeEach, expect, test } from 'vitest'
import { ScriptedConsumer, turn } from '../../test/support/scripted-consumer.ts'
import { until } from '../../test/support/until.ts'
import type { Handler } from '../core/delivery.ts'
import type { Claim } from '../core/stream-log.ts'
import { HandlerPool } from './handler-pool.ts'
import { Processor } from './processor.ts'
import { resolveWorkerOptions, type WorkerOptions } from './worker-options.ts'

let consumer: ScriptedConsumer
let stopping: AbortController
let processor: Processor

beforeEach(() => {
  consumer = new ScriptedConsumer()
  stopping = new AbortController()
})
afterEach(() => processor.close())

function process(handler: Handler, options: Partial<WorkerOptions> = {}): Processor {
  const resolved = resolveWorkerOptions({ stream: 's', group: 'g', handler, ...options })
  const pool = new HandlerPool(resolved.concurrency)
  const surroundings = { pool, weight: 1, stopping: stopping.signal, onRoom: () => {} }
  processor = new Processor(consumer, resolved, surroundings)
  return processor
}

const entry = (position: string, attempt = 1, origin: Claim['origin'] = 'new'): Claim => ({
  position,
  attempt,
  origin,
  fields: ['type', 'number', 'data', '1'],
})

const settlement = () => until('a settlement', () => consumer.calls.shift())

test('what was parked and is back before we heard that it was parked runs again', async () => {
  const attempts: number[] = []
  process(({ attempt }) => {
    attempts.push(attempt)
    if (attempt === 1) throw new Error('once more')
  })
  await processor.accept([entry('1-0')])
  const parking = await settlement()
  expect(parking.outcomes).toMatchObject([{ kind: 'retry', attempts: 1 }])
  await processor.accept([entry('1-0', 2, 'retry')]) // it was due at once, and its claim overtook the reply
  await turn()
  parking.end()
  await consumer.endAll()
  const last = consumer.settled.at(-1)!
  expect(last).toMatchObject({ kind: 'release', position: '1-0', attempts: 1 })
  await processor.accept([entry('1-0', 2, 'retry')])
  await until('the second attempt', () => attempts.length === 2)
  await consumer.endAll()
  expect(consumer.settled.at(-1)).toEqual({ kind: 'acknowledge', position: '1-0' })
  expect(processor.held).toBe(0)
})

test('what was lost before it could be parked is not parked any more, since it may be ours again', async () => {
  process(({ attempt }) => {
    if (attempt === 1) throw new Error('once more')
  })
  await processor.accept([entry('1-0'), entry('2-0', 2)])
  const first = await settlement()
  expect(first.outcomes.map(({ kind }) => kind)).toEqual(['retry', 'acknowledge'])
  processor.lose(['1-0', '2-0'])
  first.fail()
  const second = await settlement()
  expect(second.outcomes).toEqual([{ kind: 'acknowledge', position: '2-0' }])
  await processor.accept([entry('1-0', 2, 'abandoned')])
  second.end()
  await turn()
  await consumer.endAll()
  await until('the end', () => processor.held === 0)
  expect(consumer.settled.filter(({ position }) => position === '1-0')).toMatchObject([
    { kind: 'acknowledge' },
  ])
})

test('what runs and is handed out again by a group that was healed runs once', async () => {
  let release = () => {}
  const gate = new Promise<void>((resolve) => (release = resolve))
  let starts = 0
  process(() => {
    starts++
    return gate
  })
  await processor.accept([entry('1-0')])
  await until('the start', () => starts === 1)
  await processor.accept([entry('1-0')])
  await turn()
  release()
  await turn()
  await consumer.endAll()
  expect(starts).toBe(1)
  expect(consumer.settled).toEqual([{ kind: 'acknowledge', position: '1-0' }])
})

test('a settlement that fails is made again until it succeeds', async () => {
  process(() => {})
  await processor.accept([entry('1-0'), entry('1-1')])
  for (let failures = 0; failures < 3; failures++) (await settlement()).fail()
  const last = await settlement()
  expect(last.outcomes).toHaveLength(2)
  expect(processor.held).toBe(2)
  last.end()
  await until('the end', () => processor.held === 0)
})

test('dead letters that can not be written hold up nothing else', async () => {
  process(
    ({ position }) => {
      if (position === '1-0') throw new Error('never')
    },
    { retry: { attempts: 1 } },
  )
  await processor.accept([entry('1-0'), entry('1-1')])
  await until('both settlements', () => consumer.calls.length === 2)
  const calls = consumer.calls.splice(0)
  const burial = calls.find(({ outcomes }) => outcomes[0]!.kind === 'dead-letter')!
  const rest = calls.find((call) => call !== burial)!
  burial.fail()
  rest.end()
  await until('the rest', () => processor.held === 1)
  await processor.accept(Array.from({ length: 50 }, (_, sequence) => entry(`2-${sequence}`)))
  await until('more', async () => {
    for (const call of consumer.calls.splice(0)) {
      if (call.outcomes[0]!.kind === 'dead-letter') call.fail()
      else call.end()
    }
    return consumer.settled.length === 51
  })
  expect(processor.held).toBe(1)
})

test('what was closed sends nothing any more', async () => {
  process(() => {})
  await processor.accept([entry('1-0')])
  const { fail } = await settlement()
  await processor.close()
  fail()
  await turn()
  await processor.accept([entry('1-1')])
  await turn()
  await turn()
  expect(consumer.calls).toEqual([])
})

test('nothing starts once the worker stops, and what had not started is given back as it came', async () => {
  let starts = 0
  process(() => void starts++, { concurrency: 1 })
  stopping.abort()
  await processor.accept([entry('1-0'), entry('1-1', 3, 'retry'), entry('1-2', 2, 'abandoned')])
  const finished = processor.finish()
  await until('the end', async () => {
    await consumer.endAll()
    return processor.held === 0
  })
  await finished
  expect(starts).toBe(0)
  expect(consumer.settled.toSorted((a, b) => a.position.localeCompare(b.position))).toMatchObject([
    { kind: 'release', position: '1-0', attempts: 0 },
    { kind: 'release', position: '1-1', attempts: 2 },
    { kind: 'release', position: '1-2', attempts: 1 },
  ])
})

test('an entry that is lost while it runs is aborted, and nothing comes of it', async () => {
  const reasons: unknown[] = []
  process(
    ({ signal }) =>
      new Promise((resolve) =>
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason)
          resolve()
        }),
      ),
  )
  await processor.accept([entry('1-0')])
  await until('the start', () => processor.held === 1)
  await turn()
  processor.lose(['1-0', '9-9'])
  await turn()
  await turn()
  expect(reasons).toMatchObject([{ code: 'CLOSED' }])
  expect(consumer.calls).toEqual([])
  expect(processor.counters).toMatchObject({ lost: 1, processed: 0 })
})

test.each([
  [1, 2, true],
  [1, 3, false],
  [3, 3, true],
  [3, 4, false],
])('of %i attempts, an abandoned entry at attempt %i runs: %s', async (attempts, attempt, runs) => {
  let starts = 0
  process(() => void starts++, { retry: { attempts } })
  await processor.accept([entry('1-0', attempt, 'abandoned')])
  await until('the settlement', async () => {
    await consumer.endAll()
    return consumer.settled.length > 0
  })
  expect(starts).toBe(runs ? 1 : 0)
  const letter = { error: 'HANDLER_DIED', reason: expect.stringContaining(`${attempt - 1} starts`) }
  expect(consumer.settled).toMatchObject([
    runs ? { kind: 'acknowledge' } : { kind: 'dead-letter', attempts: attempt - 1, letter },
  ])
})

test('a log that can not write starts down is waited for, by any number of jobs', async () => {
  const warnings: Error[] = []
  const warn = (warning: Error) => warnings.push(warning)
  globalThis.process.on('warning', warn)
  let refusals = 0
  const begin = consumer.begin.bind(consumer)
  consumer.begin = (claims) => (refusals++ < 2 ? Promise.reject(new Error('not now')) : begin(claims))
  const started: string[] = []
  process(({ position }) => void started.push(position), { concurrency: 30 })
  await processor.accept(Array.from({ length: 30 }, (_, sequence) => entry(`1-${sequence}`, 2, 'retry')))
  await until('all', async () => {
    await consumer.endAll()
    return started.length === 30
  })
  globalThis.process.off('warning', warn)
  expect(consumer.begun).toHaveLength(30)
  expect(warnings).toEqual([])
})

test('what died twice runs alone, and its neighbours wait', async () => {
  const running: string[] = []
  const beside: string[][] = []
  process(async ({ position }) => {
    running.push(position)
    beside.push([...running])
    await turn()
    running.splice(running.indexOf(position), 1)
  })
  const neighbours = [entry('1-0'), entry('1-1', 2, 'abandoned'), entry('1-3', 4, 'retry')]
  await processor.accept([...neighbours, entry('1-2', 3, 'abandoned')])
  await until('all', async () => {
    await consumer.endAll()
    return consumer.settled.length === 4
  })
  expect(beside.filter((one) => one.includes('1-2'))).toEqual([['1-2']])
  expect(consumer.begun.map(({ position }) => position).sort()).toEqual(['1-1', '1-2', '1-3'])
})
