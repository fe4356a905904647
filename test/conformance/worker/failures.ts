import { expect } from 'vitest'
import { Reject, type Delivery } from '../../../src/core/delivery.ts'
import { until } from '../../support/until.ts'
import { Handled, upTo, type Stage, type StageCases } from './stage.ts'

const AT_ONCE = { attempts: 1_000, delayMs: 0 }

/** A worker whose every start fails; it is stopped after so many. */
async function failAndStop(stage: Stage, starts: number): Promise<void> {
  let count = 0
  const worker = await stage.start(
    () => {
      count++
      throw new Error('always')
    },
    { retry: AT_ONCE },
  )
  await until(`${starts} starts`, () => count >= starts)
  await worker.stop(5_000)
}

export const failureCases: StageCases = {
  'with the same event, and those of its key wait for it': async (stage) => {
    const handled = new Handled()
    await stage.publishKeyed(100, (n) => `key ${n % 10}`)
    const worker = await stage.start((delivery) => {
      const { event, attempt } = delivery
      if ((event.data as number) % 7 === 0 && attempt < 3) throw new Error('not yet')
      handled.add(delivery)
    })
    await until('all', () => worker.status.processed === 100)
    for (const ofKey of handled.byRemainder(10)) expect(ofKey).toEqual(ofKey.toSorted((a, b) => a - b))
    expect(handled.sorted).toEqual(upTo(100))
    for (const { event, attempt } of handled.deliveries)
      expect(attempt).toBe((event.data as number) % 7 === 0 ? 3 : 1)
  },

  'with worker after worker that fails, and loses none': async (stage) => {
    await stage.publish(50)
    for (let n = 0; n < 3; n++) await failAndStop(stage, 100)
    const handled = new Handled()
    const worker = await stage.start(handled.add, { retry: AT_ONCE })
    await until('all', () => worker.status.processed === 50)
    expect(handled.sorted).toEqual(upTo(50))
    expect(handled.attempts.reduce((sum, attempt) => sum + attempt - 1, 0)).toBeGreaterThanOrEqual(300)
    expect(await stage.letters()).toEqual([])
  },

  'with the rest, when one is a dead letter, which says why': async (stage) => {
    const [position] = await stage.publish(10)
    const handled = new Handled()
    const worker = await stage.start(
      (delivery) => {
        if (delivery.event.data === 0) throw Object.assign(new Error('the cause'), { code: 'E_BROKEN' })
        handled.add(delivery)
      },
      { retry: { attempts: 3, delayMs: 0 }, consumer: 'unlucky' },
    )
    await until('all', () => worker.status.processed === 9)
    await until('the letter', async () => (await stage.letters()).length > 0)
    expect(handled.sorted).toEqual(upTo(10).slice(1))
    expect(await stage.letters()).toMatchObject([
      {
        type: 'number',
        data: '0',
        'deadletter-position': position,
        'deadletter-group': 'group',
        'deadletter-consumer': 'unlucky',
        'deadletter-attempts': '3',
        'deadletter-error': 'E_BROKEN',
        'deadletter-reason': 'the cause',
      },
    ])
  },

  'at once, where an event is rejected, can not be decoded or does not fit': async (stage) => {
    const { bus, numbers } = stage
    const handled = new Handled()
    const reject = (delivery: Delivery) => {
      if (delivery.event.data === 0) throw new Reject('never')
      handled.add(delivery)
    }
    await stage.publish(2)
    await stage.publish(2, (n) => ['type', 'number', 'data', n === 0 ? '{broken' : '"text"'])
    await bus.publish(numbers, 'number', 4)
    await bus.consume(numbers, { group: 'group', retry: { attempts: 3, delayMs: 0 } }, { number: reject })
    await until('the letters', async () => (await stage.letters()).length === 3)
    await until('the rest', () => handled.distinct === 2)
    expect(handled.sorted).toEqual([1, 4])
    const errors = (await stage.letters()).map((letter) => [letter['data'], letter['deadletter-error']])
    expect(new Map(errors as [string, string][])).toEqual(
      new Map([
        ['0', 'Reject'],
        ['{broken', 'EVENT_UNDECODABLE'],
        ['"text"', 'EVENT_INVALID'],
      ]),
    )
  },

  'after a handler that takes too long, which is told so': async (stage) => {
    const reasons: unknown[] = []
    const attempts: number[] = []
    const worker = await stage.start(
      ({ attempt, signal }) => {
        attempts.push(attempt)
        if (attempt === 1)
          return new Promise(() => signal.addEventListener('abort', () => reasons.push(signal.reason)))
      },
      { handlerTimeoutMs: 50 },
    )
    await stage.publish(1)
    await until('the next attempt', () => worker.status.processed === 1)
    expect(reasons).toMatchObject([{ code: 'HANDLER_TIMEOUT' }])
    expect(attempts).toEqual([1, 2])
  },

  'and of many events with one id runs one, though it fails at first': async (stage) => {
    const { bus, stream } = stage
    const handled = new Handled()
    const worker = await stage.start(
      (delivery) => {
        if (delivery.attempt === 1) throw new Error('not yet')
        handled.add(delivery)
      },
      { deduplicate: { ttlMs: 60_000 } },
    )
    const headers = { source: 'shop' }
    await bus.publishUntyped(
      stream,
      upTo(20).map((data) => ({ type: 'number', data, id: `id ${data % 2}`, headers })),
    )
    await until('all', () => worker.status.held === 0 && handled.distinct >= 2)
    await bus.publishUntyped(stream, [{ type: 'number', data: 20, id: 'last', headers }])
    await until('the last one', () => handled.numbers.includes(20))
    expect(handled.deliveries.map(({ event }) => event.id).sort()).toEqual(['id 0', 'id 1', 'last'])
  },
}
