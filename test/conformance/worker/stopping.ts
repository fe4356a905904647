import { expect } from 'vitest'
import { until } from '../../support/until.ts'
import { Gate, Handled, upTo, type StageCases } from './stage.ts'

export const stoppingCases: StageCases = {
  'when what runs has ended, and hand back the rest with no attempt spent': async (stage) => {
    await stage.publish(20)
    const gate = new Gate()
    const [started, finished, rest] = [new Handled(), new Handled(), new Handled()]
    const leaving = await stage.start(
      async (delivery) => {
        started.add(delivery)
        await gate.opened
        expect(delivery.signal.aborted).toBe(false)
        finished.add(delivery)
      },
      { concurrency: 3 },
    )
    await until('some in hand', () => started.distinct === 3 && leaving.status.held > 3)
    const stopping = leaving.stop(10_000)
    gate.open()
    await stopping
    expect(leaving.status).toMatchObject({ processed: 3, held: 0 })
    await stage.start(rest.add)
    await until('the rest', () => rest.distinct === 17)
    expect(rest.attempts).toEqual(rest.attempts.map(() => 1))
    expect([...finished.numbers, ...rest.numbers].sort((a, b) => a - b)).toEqual(upTo(20))
  },

  'with a signal for what runs past the deadline, which runs again elsewhere': async (stage) => {
    await stage.publish(1)
    const reasons: unknown[] = []
    const started = new Gate()
    const leaving = await stage.start(({ signal }) => {
      started.open()
      expect(signal.aborted).toBe(false)
      return new Promise(() => signal.addEventListener('abort', () => reasons.push(signal.reason)))
    })
    await started.opened
    await leaving.stop(50)
    expect(reasons).toMatchObject([{ code: 'CLOSED' }])
    const handled = new Handled()
    await stage.start(handled.add)
    await until('the next attempt', () => handled.distinct === 1)
    expect(handled.attempts).toEqual([2])
  },

  'without a signal for what has ended': async (stage) => {
    const handled = new Handled()
    const worker = await stage.start((delivery) => {
      // It is made when it is first asked for.
      expect(delivery.signal.aborted).toBe(false)
      handled.add(delivery)
    })
    await stage.publish(10)
    await until('all', () => worker.status.processed === 10 && worker.status.held === 0)
    await worker.stop(1_000)
    expect(handled.deliveries.map(({ signal }) => signal.aborted)).toEqual(upTo(10).map(() => false))
  },

  'and start at once in any number, and lose nothing': async (stage) => {
    const comeAndGo = async () => {
      const worker = stage.worker({ handler: handled.add })
      const starting = worker.start().catch(() => {})
      await worker.stop(5_000)
      await starting
    }
    const handled = new Handled()
    await Promise.all([stage.publish(50), ...upTo(10).map(comeAndGo)])
    await stage.start(handled.add)
    await until('all', () => handled.distinct === 50)
    expect(handled.sorted).toEqual(upTo(50))
    expect(handled.attempts).toEqual(upTo(50).map(() => 1))
  },

  'one after the other, and the next one goes on': async (stage) => {
    const handled = new Handled()
    await stage.publish(1_000)
    for (let n = 1; n <= 5; n++) {
      const worker = await stage.start(handled.add, { concurrency: 5 })
      await until(`part ${n}`, () => handled.distinct >= n * 200)
      await worker.stop(5_000)
    }
    expect(handled.sorted).toEqual(upTo(1_000))
  },

  'drained, with nothing left for whoever comes later': async (stage) => {
    const [handled, later] = [new Handled(), new Handled()]
    await stage.publish(200)
    const worker = await stage.start(handled.add)
    await until('all', () => worker.status.processed === 200)
    await worker.stop(5_000)
    await stage.start(later.add, { deadAfterMs: 100, minIdleMs: 100 })
    await stage.publish(1, () => ['type', 'number', 'data', '200'])
    await until('what is new', () => later.numbers.includes(200))
    expect(later.numbers).toEqual([200])
  },
}
