import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { failureOf, until } from '../../test/support/until.ts'
import { Lab } from '../../test/support/worker-lab.ts'
import { Reject, RetryLater, type BatchHandler, type Delivery } from '../core/delivery.ts'
import { MemoryStreamLog } from '../testing/memory-log.ts'
import { resolveWorkerOptions, type WorkerOptions } from './worker-options.ts'

let lab: Lab
beforeEach(() => {
  lab = new Lab(new MemoryStreamLog())
})
afterEach(() => lab.close())

const never = () => new Promise<void>(() => {})

describe('a handler that does not end', () => {
  test('has failed when its time is over, is told so, and others go on', async () => {
    const aborted: string[] = []
    const starts: Delivery[] = []
    const worker = await lab.start(
      (delivery) => {
        starts.push(delivery)
        if (delivery.event.data !== 0) return
        delivery.signal.addEventListener('abort', () => aborted.push(String(delivery.signal.reason)))
        return never()
      },
      { handlerTimeoutMs: 30, concurrency: 1, retry: { attempts: 2, delayMs: 1 } },
    )
    await lab.publish(3)
    await until('the letter', async () => (await lab.letters()).length === 1)
    expect(await lab.letters()).toMatchObject([
      {
        'deadletter-error': 'HANDLER_TIMEOUT',
        'deadletter-attempts': '2',
        'deadletter-reason': expect.stringContaining('30 ms'),
      },
    ])
    expect(aborted).toHaveLength(2)
    expect(worker.status).toMatchObject({ processed: 2, failed: 2, deadLettered: 1 })
  })

  test('and ends at last changes nothing, and can not produce any more', async () => {
    let end = () => {}
    const gate = new Promise<void>((resolve) => (end = resolve))
    let late: Promise<Error> | undefined
    let attempts = 0
    const worker = await lab.start(
      async (delivery) => {
        if (++attempts > 1) return
        late = gate.then(() => failureOf(() => delivery.produce('elsewhere', ['type', 't', 'data', '1'])))
        await gate
      },
      { handlerTimeoutMs: 20 },
    )
    await lab.publish(1)
    await until('the second attempt', () => worker.status.processed === 1)
    end()
    expect(await late).toMatchObject({ code: 'CLOSED' })
    expect(worker.status).toMatchObject({ processed: 1, failed: 1 })
  })
})

describe('a handler that throws', () => {
  test.each([
    ['nothing', undefined, 'thrown: undefined'],
    ['null', null, 'thrown: null'],
    ['a text', 'no', 'no'],
    ['a symbol', Symbol('s'), 'thrown: Symbol(s)'],
    ['what can not be shown', Object.create(null, { toString: { value: never } }), 'thrown:'],
    ['an error whose message is no text', Object.assign(new Error(), { message: 42 }), '42'],
    [
      'what throws when it is looked at',
      new Proxy(
        {},
        {
          get: () => {
            throw new Error('looked')
          },
        },
      ),
      'thrown: a value that cannot be shown',
    ],
  ])('%s ends in the dead letters with a reason', async (_, thrown, reason) => {
    await lab.start(
      () => {
        throw thrown
      },
      { retry: { attempts: 1 } },
    )
    await lab.publish(1)
    const letter = await until('the letter', async () => (await lab.letters())[0])
    expect(letter['deadletter-reason']).toContain(reason)
  })
})

describe('retry policies', () => {
  test('differ by type and pattern, the most specific one first', async () => {
    const starts = new Map<string, number>()
    await lab.start(
      ({ event }) => {
        starts.set(event.type, (starts.get(event.type) ?? 0) + 1)
        throw new Error('no')
      },
      { retry: { attempts: 2, delayMs: 1, types: { 'pay.>': { attempts: 3 }, 'pay.now': { attempts: 4 } } } },
    )
    const types = ['other', 'pay.later.on', 'pay.now']
    await lab.publish(3, (number) => ['type', types[number]!, 'data', '1'])
    await until('the letters', async () => (await lab.letters()).length === 3)
    expect(Object.fromEntries(starts)).toEqual({ other: 2, 'pay.later.on': 3, 'pay.now': 4 })
  })
})

describe('the circuit', () => {
  test('opens after failures in a row, costs no attempts while it is open, and is tried with one', async () => {
    let isDown = true
    const attempts: number[] = []
    const worker = await lab.start(
      async ({ attempt }) => {
        attempts.push(attempt)
        if (isDown) throw new Error('down')
      },
      { circuitBreaker: { failures: 3, openMs: 300 }, concurrency: 1, retry: { attempts: 50, delayMs: 1 } },
    )
    await lab.publish(20)
    await until('the open circuit', () => worker.status.circuit === 'open')
    expect(worker.status.failed).toBe(3)
    await until('a probe', () => worker.status.failed === 4)
    expect(worker.status.circuit).toBe('open')
    isDown = false
    await until('the end', () => worker.status.processed === 20)
    expect(worker.status).toMatchObject({ circuit: 'closed', failed: 4, deadLettered: 0 })
    expect(attempts.filter((attempt) => attempt > 1).length).toBeLessThanOrEqual(4)
  })

  test('stays closed when handlers reject, or want to be called later', async () => {
    const worker = await lab.start(
      ({ event, attempt }) => {
        if (attempt === 1) throw event.data === 0 ? new Reject('no') : new RetryLater(1)
      },
      { circuitBreaker: { failures: 2, openMs: 60_000 }, concurrency: 1 },
    )
    await lab.publish(10)
    await until('the end', () => worker.status.processed === 9)
    expect(worker.status.circuit).toBe('closed')
  })
})

describe('batches', () => {
  const start = (batchHandler: BatchHandler, options: Partial<WorkerOptions> = {}) =>
    lab.startWith({ batchHandler, ...options })

  test('are as large as they may be, and no larger', async () => {
    // The first claims are small, until it is known how large entries are.
    await lab.publish(1_000)
    const sizes: number[] = []
    const worker = await start((deliveries) => void sizes.push(deliveries.length), {
      batch: { size: 100 },
      concurrency: 1,
    })
    await until('all', () => worker.status.processed === 1_000)
    expect(Math.max(...sizes)).toBe(100)
    expect(sizes.length).toBeLessThan(40)
  })

  test('wait to be filled, and not for ever', async () => {
    const sizes: number[] = []
    const worker = await start((deliveries) => void sizes.push(deliveries.length), {
      batch: { size: 10, waitMs: 200 },
    })
    for (let number = 0; number < 12; number++) await lab.publish(1)
    await until('all', () => worker.status.processed === 12)
    expect(sizes).toEqual([10, 2])
  })

  test('that fail are run one by one in the same attempt, so that one bad event fails alone', async () => {
    const attempts: number[] = []
    const worker = await start(
      (deliveries) => {
        if (deliveries.length === 1) attempts.push(deliveries[0]!.attempt)
        if (deliveries.some(({ event }) => event.data === 7)) throw new Error('seven')
      },
      { retry: { attempts: 2, delayMs: 1 }, batch: { size: 20, waitMs: 100 } },
    )
    await lab.publish(20)
    await until('the letter', async () => (await lab.letters()).length === 1)
    await until('the others', () => worker.status.processed === 19)
    expect((await lab.letters())[0]).toMatchObject({ data: '7', 'deadletter-attempts': '2' })
    expect(attempts.filter((attempt) => attempt === 1)).toHaveLength(20)
  })

  test('tell which of their events failed, and those alone are retried, or dead letters', async () => {
    const sizes: number[] = []
    const odd: number[] = []
    const worker = await start(
      (deliveries) => {
        sizes.push(deliveries.length)
        return deliveries.map(({ event, attempt }) => {
          if (event.data === 3) return new Reject('never three')
          if (event.data !== 5) return undefined
          odd.push(attempt)
          return attempt < 3 ? new Error('not yet') : undefined
        })
      },
      { retry: { attempts: 5, delayMs: 1 }, batch: { size: 10, waitMs: 100 }, concurrency: 1 },
    )
    await lab.publish(10)
    await until('the others', () => worker.status.processed === 9)
    expect(await lab.letters()).toMatchObject([{ data: '3', 'deadletter-attempts': '1' }])
    expect([sizes, odd]).toEqual([
      [10, 1, 1],
      [1, 2, 3],
    ])
  })

  test('whose handler answers something else are acknowledged', async () => {
    const worker = await start((deliveries) => deliveries.map(() => 'done') as never, { batch: { size: 2 } })
    await lab.publish(4)
    await until('all', () => worker.status.processed === 4)
    expect(worker.status.failed).toBe(0)
  })

  test('hold the events of one key in their order, and no later one overtakes one that failed', async () => {
    const ended: number[] = []
    let failures = 3
    const worker = await start(
      (deliveries) => {
        const numbers = deliveries.map(({ event }) => event.data as number)
        if (numbers.includes(5) && failures-- > 0) throw new Error('five')
        ended.push(...numbers)
      },
      { retry: { attempts: 5, delayMs: 1 }, batch: { size: 4, waitMs: 20 }, concurrency: 3 },
    )
    await lab.publish(20, (number) => ['type', 'number', 'data', String(number), 'partitionkey', 'one'])
    await until('all', () => worker.status.processed === 20)
    expect(ended).toEqual(Array.from({ length: 20 }, (_, number) => number))
  })
})

describe('a pause', () => {
  test('takes nothing more until it is over', async () => {
    const worker = await lab.start(() => {})
    worker.pause()
    await lab.publish(1)
    const before = worker.status.lastLoopAt
    // A claim that was under way may take what came meanwhile; the next one would take all of these.
    await until('a turn of the loop', () => worker.status.lastLoopAt > before)
    await lab.publish(10)
    const next = worker.status.lastLoopAt
    await until('another turn of the loop', () => worker.status.lastLoopAt > next)
    expect(worker.status.processed).toBeLessThanOrEqual(1)
    worker.resume()
    await until('all', () => worker.status.processed === 11)
  })
})

test('options that make no sense are refused, all of them at once', async () => {
  const error = await failureOf(() =>
    resolveWorkerOptions({
      stream: 's',
      group: 'g',
      handler: () => {},
      batchHandler: () => {},
      order: 'some' as 'key',
      handlerTimeoutMs: -1,
      deadAfterMs: 1e12,
      deduplicate: { ttlMs: 0 },
      rateLimit: { count: 1.5, perMs: NaN },
      circuitBreaker: { failures: 0 },
      batch: { size: 0, waitMs: -5 },
      retry: { attempts: 0, types: { 'a.b': { delayMs: -1 }, 'a..b*': {} } },
    }),
  )
  for (const path of [
    'order',
    'handlerTimeoutMs',
    'deadAfterMs',
    'deduplicate.ttlMs',
    'rateLimit.count',
    'rateLimit.perMs',
    'circuitBreaker.failures',
    'batch.size',
    'batch.waitMs',
    'retry.attempts',
    'retry.types["a.b"].delayMs',
    'retry.types',
    'handler',
  ])
    expect(error.message).toContain(`${path}: `)
})
