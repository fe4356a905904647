import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { failureOf, until } from '../../test/support/until.ts'
import { openLab } from '../../test/support/use-lab.ts'
import { useRedisServer } from '../../test/support/use-redis.ts'
import { Lab } from '../../test/support/worker-lab.ts'
import { Reject, RetryLater, type Delivery } from '../core/delivery.ts'
import { InvalidError, MillraceError } from '../core/errors.ts'
import { MemoryStreamLog } from '../testing/memory-log.ts'

const server = useRedisServer()

describe.each([
  ['memory', async () => new Lab(new MemoryStreamLog())],
  ['Redis', () => openLab({ url: server.url })],
])('a worker on %s', (_name, open) => {
  let lab: Lab
  beforeEach(async () => {
    lab = await open()
  })
  afterEach(() => lab.close())

  describe('runs handlers', () => {
    test('once for each event, in any number, and tells how many', async () => {
      const seen: unknown[] = []
      const worker = await lab.start(({ event }) => void seen.push(event.data))
      await lab.publish(2_500)
      await until('all', () => worker.status.processed === 2_500)
      expect(seen.sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 2_500 }, (_, n) => n))
      await until('the settlement', () => worker.status.held === 0)
      expect(worker.status).toMatchObject({ failed: 0, deadLettered: 0, lost: 0 })
      expect(worker.status.lastEntryAt).toBeGreaterThan(0)
    })

    test('at most as many at once as it may', async () => {
      let running = 0
      let most = 0
      let done = 0
      await lab.start(
        async () => {
          most = Math.max(most, ++running)
          await turns(3)
          running--
          done++
        },
        { concurrency: 7 },
      )
      await lab.publish(200)
      await until('all', () => done === 200)
      expect(most).toBe(7)
    })

    test('with what a delivery promises', async () => {
      const [position] = await lab.publish(1)
      const deliveries: Delivery[] = []
      await lab.start((delivery) => void deliveries.push(delivery))
      await until('it', () => deliveries.length > 0)
      const [delivery] = deliveries
      expect(delivery).toMatchObject({ stream: lab.stream, position, attempt: 1 })
      expect(delivery!.event).toMatchObject({ id: position, type: 'number', data: 0 })
      expect(delivery!.signal.aborted).toBe(false)
    })

    test('of one key one after the other, retries included, while others go on', async () => {
      const running = new Map<string, number>()
      const order: string[] = []
      const overlaps: string[] = []
      await lab.start(
        async ({ event: { key, data }, attempt }) => {
          const others = running.get(key!) ?? 0
          if (others > 0) overlaps.push(`${key} ${data as number}`)
          running.set(key!, others + 1)
          await turns(2)
          running.set(key!, 0)
          if (key === 'b' && attempt === 1) throw new Error('once more')
          order.push(`${key}${data as number}`)
        },
        { concurrency: 20 },
      )
      await lab.publish(40, (n) => ['type', 'number', 'data', String(n), 'partitionkey', 'abcd'[n % 4]!])
      await until('all', () => order.length === 40)
      expect(overlaps).toEqual([])
      for (const key of 'acd') {
        const numbers = order.filter((one) => one.startsWith(key)).map((one) => Number(one.slice(1)))
        expect(numbers).toEqual(numbers.toSorted((x, y) => x - y))
      }
    })

    test('and reads no more ahead than they need', async () => {
      let release = () => {}
      const gate = new Promise<void>((resolve) => (release = resolve))
      const worker = await lab.start(() => gate, { concurrency: 5 })
      await lab.publish(1_000)
      await until('the handlers', () => worker.status.held >= 5)
      await turns(100)
      expect(worker.status.held).toBeLessThanOrEqual(10)
      release()
      await until('all', () => worker.status.processed === 1_000)
    })
  })

  describe('ends an event', () => {
    test('when its handler has ended, and not before', async () => {
      let release = () => {}
      const gate = new Promise<void>((resolve) => (release = resolve))
      const worker = await lab.start(() => gate)
      await lab.publish(1)
      await until('the handler', () => worker.status.held === 1)
      await turns(20)
      expect(worker.status).toMatchObject({ processed: 0, held: 1 })
      release()
      await until('the settlement', () => worker.status.processed === 1 && worker.status.held === 0)
    })

    test('by running it again, later each time, until it succeeds', async () => {
      const starts: { attempt: number; at: number }[] = []
      const worker = await lab.start(
        ({ attempt }) => {
          starts.push({ attempt, at: performance.now() })
          if (attempt < 4) throw new Error('not yet')
        },
        { retry: { delayMs: 40, factor: 2, jitter: 0 } },
      )
      await lab.publish(1)
      await until('the success', () => worker.status.processed === 1)
      expect(starts.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4])
      const pauses = starts.slice(1).map(({ at }, index) => at - starts[index]!.at)
      for (const [index, pause] of pauses.entries()) expect(pause).toBeGreaterThanOrEqual(40 * 2 ** index - 2)
      expect(worker.status).toMatchObject({ failed: 3, deadLettered: 0 })
      expect(await lab.letters()).toEqual([])
    })

    test('as a dead letter after its last attempt', async () => {
      const [position] = await lab.publish(1)
      const worker = await lab.start(
        () => {
          throw Object.assign(new Error('the cause'), { code: 'E_BROKEN' })
        },
        { retry: { attempts: 3, delayMs: 0 }, consumer: 'unlucky' },
      )
      await until('the letter', async () => (await lab.letters()).length > 0)
      expect(await lab.letters()).toMatchObject([
        {
          type: 'number',
          data: '0',
          'deadletter-stream': lab.stream,
          'deadletter-position': position,
          'deadletter-group': 'group',
          'deadletter-consumer': 'unlucky',
          'deadletter-attempts': '3',
          'deadletter-error': 'E_BROKEN',
          'deadletter-reason': 'the cause',
        },
      ])
      expect(worker.status).toMatchObject({ processed: 0, failed: 3, deadLettered: 1 })
      await until('the settlement', () => worker.status.held === 0)
    })

    test('as a dead letter at once, when the handler rejects it', async () => {
      const attempts: number[] = []
      await lab.publish(1)
      await lab.start(({ attempt }) => {
        attempts.push(attempt)
        throw new Reject('never')
      })
      await until('the letter', async () => (await lab.letters()).length > 0)
      expect(await lab.letters()).toMatchObject([
        { 'deadletter-error': 'Reject', 'deadletter-reason': 'never', 'deadletter-attempts': '1' },
      ])
      expect(attempts).toEqual([1])
    })

    test('as a dead letter with the fields at fault, when it does not fit', async () => {
      await lab.publish(1)
      await lab.start(() => {
        throw new InvalidError('EVENT_INVALID', 'it does not fit', [{ path: 'data.a', message: 'too short' }])
      })
      await until('the letter', async () => (await lab.letters()).length > 0)
      expect(await lab.letters()).toMatchObject([
        { 'deadletter-error': 'EVENT_INVALID', 'deadletter-reason': 'it does not fit: data.a: too short' },
      ])
    })

    test('after the delay that the handler asks for', async () => {
      const starts: number[] = []
      const worker = await lab.start(
        ({ attempt }) => {
          starts.push(performance.now())
          if (attempt === 1) throw new RetryLater(150)
        },
        { retry: { delayMs: 60_000 } },
      )
      await lab.publish(1)
      await until('the success', () => worker.status.processed === 1)
      expect(starts[1]! - starts[0]!).toBeGreaterThanOrEqual(148)
    })

    test.each([NaN, Infinity, -5, undefined])('whatever delay it asks for: %s', async (delay) => {
      const worker = await lab.start(({ attempt }) => {
        if (attempt === 1) throw new RetryLater(delay as number)
      })
      await lab.publish(2)
      await until('the success', () => worker.status.processed === 2)
      expect(worker.status).toMatchObject({ failed: 2, deadLettered: 0 })
    })

    test.each([
      ['undefined', undefined, 'undefined'],
      ['a string', 'text', 'text'],
      ['null', null, 'null'],
      ['what is cyclic', cyclic(), 'cannot be shown'],
      ['an error without a message', Object.assign(new Error('x'), { message: undefined }), 'undefined'],
      ['an error without a name', Object.assign(new Error('y'), { name: undefined }), 'y'],
    ])('whatever it throws: %s', async (_what, thrown, reason) => {
      await lab.publish(1)
      const worker = await lab.start(
        () => {
          throw thrown
        },
        { retry: { attempts: 2, delayMs: 0 } },
      )
      await until('the letter', async () => (await lab.letters()).length > 0)
      expect((await lab.letters())[0]).toMatchObject({
        'deadletter-reason': expect.stringContaining(reason),
        'deadletter-attempts': '2',
      })
      await until('the settlement', () => worker.status.held === 0)
    })

    test('also when many are retried at once without any delay', async () => {
      const attempts = new Map<string, number[]>()
      const worker = await lab.start(
        ({ position, attempt }) => {
          attempts.set(position, [...(attempts.get(position) ?? []), attempt])
          if (attempt < 5) throw new RetryLater(0)
        },
        { concurrency: 50 },
      )
      await lab.publish(300)
      await until('all', () => worker.status.processed === 300)
      expect([...attempts.values()]).toEqual(Array.from({ length: 300 }, () => [1, 2, 3, 4, 5]))
      await until('the settlement', () => worker.status.held === 0)
    })
  })

  describe('is not stopped', () => {
    test('by an entry that can not be decoded', async () => {
      const broken: string[][] = [
        ['type', 'number', 'data', '{broken'],
        ['eventType', 'task.created', 'payload', 'broken', 'timestamp', '1'],
      ]
      await lab.publish(4, (n) => broken[n] ?? ['type', 'number', 'data', String(n)])
      const seen: unknown[] = []
      const worker = await lab.start(({ event }) => void seen.push(event.data))
      await until('the rest', () => seen.length === 2)
      await until('the letters', async () => (await lab.letters()).length === 2)
      expect(await lab.letters()).toMatchObject([
        { data: '{broken', 'deadletter-error': 'EVENT_UNDECODABLE', 'deadletter-attempts': '0' },
        { payload: 'broken', 'deadletter-error': 'EVENT_UNDECODABLE' },
      ])
      expect(worker.status).toMatchObject({ deadLettered: 2, failed: 0 })
    })

    test('by the formats of others', async () => {
      const foreign = [
        ['eventType', 'task.created', 'payload', '{"a":1}', 'timestamp', '1700000000000', 'id', 'x'],
        ['event', 'user.created', 'aggregateId', 'u1', 'payload', '{"b":2}', 'headers', '{"h":"v"}'],
        ['requestId', 'r1', 'data', '{"c":3}'],
        ['temperature', '21', '__proto__', 'p'],
      ]
      await lab.publish(4, (n) => foreign[n]!)
      const seen: Delivery[] = []
      await lab.start((delivery) => void seen.push(delivery))
      await until('all', () => seen.length === 4)
      const events = seen.map(({ event }) => event)
      expect(events[0]).toMatchObject({ id: 'x', type: 'task.created', data: { a: 1 } })
      expect(events[0]!.time).toBe('2023-11-14T22:13:20.000Z')
      expect(events[1]).toMatchObject({
        type: 'user.created',
        key: 'u1',
        data: { b: 2 },
        headers: { h: 'v' },
      })
      expect(events[2]).toMatchObject({ type: lab.stream, data: { c: 3 }, headers: { requestId: 'r1' } })
      expect(Object.entries(events[3]!.data as object)).toEqual([
        ['temperature', '21'],
        ['__proto__', 'p'],
      ])
    })

    test('by large events', async () => {
      const padding = 'x'.repeat(1_000_000)
      const sizes: number[] = []
      await lab.start(({ event }) => void sizes.push((event.data as string).length))
      for (let round = 0; round < 4; round++) {
        await lab.publish(20, () => ['type', 'large', 'data', JSON.stringify(padding)])
      }
      await until('all', () => sizes.length === 80)
      expect(new Set(sizes)).toEqual(new Set([1_000_000]))
    })

    test('by large events in batches, which are smaller then', async () => {
      const data = JSON.stringify('x'.repeat(1_000_000))
      await lab.publish(60, () => ['type', 'large', 'data', data])
      let most = 0
      let count = 0
      const batchHandler = async (deliveries: readonly Delivery[]) => {
        await turns(50)
        count += deliveries.length
        most = Math.max(most, worker.status.held)
      }
      const worker = lab.worker({ batchHandler, batch: { size: 100 }, concurrency: 1 })
      await worker.start()
      await until('all', () => count === 60)
      expect(most).toBeLessThanOrEqual(20)
    })
  })

  describe('starts and stops', () => {
    test('once, however often it is called', async () => {
      const worker = lab.worker({ handler: () => {} })
      await Promise.all([worker.start(), worker.start()])
      await worker.start()
      await lab.publish(10)
      await until('all', () => worker.status.processed === 10)
      await Promise.all([worker.stop(1_000), worker.stop(1_000)])
      await worker.stop(1_000)
      const { lastLoopAt } = worker.status
      await lab.publish(1)
      await turns(50)
      expect(worker.status).toMatchObject({ lastLoopAt, processed: 10, held: 0 })
    })

    test('never, when it is stopped before it is started', async () => {
      const worker = lab.worker({ handler: () => {} })
      await worker.stop(1_000)
      expect(await failureOf(worker.start())).toMatchObject({ code: 'CLOSED' })
    })

    test('and leaves nothing behind when it is stopped while it starts', async () => {
      await lab.publish(5)
      const worker = lab.worker({ handler: () => {} })
      const starting = worker.start().catch((error: MillraceError) => error)
      await worker.stop(1_000)
      await starting
      const { lastLoopAt, processed } = worker.status
      await turns(50)
      expect(worker.status).toMatchObject({ lastLoopAt, processed, held: 0 })
      const other = await lab.start(() => {})
      await until('the rest', () => other.status.processed + processed === 5)
    })

    test('by finishing what runs, and handing back the rest with no attempt spent', async () => {
      await lab.publish(20)
      const [finished, taken]: [string[], Delivery[]] = [[], []]
      let started = 0
      let release = () => {}
      const gate = new Promise<void>((resolve) => (release = resolve))
      const leaving = await lab.start(
        async ({ position, signal }) => {
          started++
          await gate
          expect(signal.aborted).toBe(false)
          finished.push(position)
        },
        { concurrency: 3 },
      )
      await until('some in hand', () => started === 3 && leaving.status.held > 3)
      const stopping = leaving.stop(10_000)
      await turns(20)
      release()
      await stopping
      expect(finished).toHaveLength(3)
      await lab.start((delivery) => void taken.push(delivery))
      await until('the rest', () => taken.length === 17)
      expect(taken.map(({ attempt }) => attempt)).toEqual(taken.map(() => 1))
      expect(new Set([...finished, ...taken.map(({ position }) => position)]).size).toBe(20)
    })

    test('by aborting what runs past the deadline, which counts as an attempt', async () => {
      await lab.publish(3)
      const reasons: unknown[] = []
      let started = 0
      const leaving = await lab.start(
        ({ signal }) => {
          started++
          return new Promise(() => signal.addEventListener('abort', () => reasons.push(signal.reason)))
        },
        { concurrency: 1 },
      )
      await until('all in hand', () => started === 1 && leaving.status.held >= 2)
      const start = performance.now()
      await leaving.stop(100)
      expect(performance.now() - start).toBeLessThan(10_000)
      expect(reasons).toMatchObject([{ code: 'CLOSED' }])
      const taken: Delivery[] = []
      await lab.start((delivery) => void taken.push(delivery))
      await until('all', () => taken.length === 3)
      expect(taken.map(({ attempt }) => attempt).sort()).toEqual([1, 1, 2])
    })

    test('and refuses options that make no sense, all of them at once', () => {
      const make = () =>
        lab.worker({ handler: () => {}, concurrency: 0, maxHeld: 1.5, deadAfterMs: -1, retry: {} })
      expect(make).toThrow(/concurrency.*maxHeld.*deadAfterMs/)
      expect(() => lab.worker({ handler: () => {}, retry: { attempts: 0, factor: 0.5 } })).toThrow(
        /attempts.*factor/,
      )
      expect(() => lab.worker({ handler: () => {}, group: 'a\nb' })).toThrow(MillraceError)
    })
  })
})

/** Lets everybody else run for so many turns of the event loop, with a timer each. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setTimeout(resolve, 1))
}

function cyclic(): unknown {
  const object: { self?: unknown } = {}
  object.self = object
  return object
}
