import { expect } from 'vitest'
import type { Delivery } from '../../../src/core/delivery.ts'
import { FIRST_POSITION } from '../../../src/core/position.ts'
import { until } from '../../support/until.ts'
import { DEAD_AFTER_MS } from '../../support/worker-lab.ts'
import { Gate, Handled, turn, upTo, type StageCases } from './stage.ts'

export const deliveryCases: StageCases = {
  'every event that is published, with its data, key and headers, once': async ({ bus, numbers }) => {
    const events = upTo(100).map((data) => ({
      type: 'number' as const,
      data,
      key: `key ${data}`,
      headers: { traceparent: `trace ${data}` },
    }))
    const positions = await bus.publishMany(numbers, events)
    const handled = new Handled()
    const worker = await bus.consume(numbers, { group: 'group' }, { number: handled.add })
    await until('all', () => worker.status.processed === 100)
    const byPosition = new Map(handled.deliveries.map((delivery) => [delivery.position, delivery.event]))
    expect([...byPosition.keys()].toSorted()).toEqual(positions.toSorted())
    positions.forEach((position, n) => expect(byPosition.get(position)).toMatchObject(events[n]!))
    expect(handled.attempts).toEqual(events.map(() => 1))
  },

  'the events of each key in the order of publishing, while keys run beside each other': async (stage) => {
    const handled = new Handled()
    let [running, most] = [0, 0]
    await stage.publishKeyed(1_000, (n) => `key ${n % 16}`)
    const worker = await stage.start(
      async (delivery) => {
        most = Math.max(most, ++running)
        await turn()
        running--
        handled.add(delivery)
      },
      { concurrency: 20 },
    )
    await until('all', () => worker.status.processed === 1_000)
    for (const ofKey of handled.byRemainder(16)) expect(ofKey).toEqual(ofKey.toSorted((a, b) => a - b))
    expect(handled.sorted).toEqual(upTo(1_000))
    expect(most).toBeGreaterThan(1)
  },

  'the next event of a key when the one before it has ended, and none of them twice': async (stage) => {
    const gate = new Gate()
    const handled = new Handled()
    const handler = (delivery: Delivery) => {
      handled.add(delivery)
      if (delivery.event.data === 0) return gate.opened
    }
    const worker = await stage.start(handler, { deadAfterMs: DEAD_AFTER_MS })
    await stage.publishKeyed(3, (n) => (n < 2 ? 'one' : 'another'))
    await until('the other key', () => worker.status.processed === 1)
    // For longer than it takes to count as dead, if nothing were heard of it.
    const later = performance.now() + DEAD_AFTER_MS + 100
    await until('a while', () => performance.now() > later)
    expect(handled.sorted).toEqual([0, 2])
    gate.open()
    await until('the rest', () => worker.status.processed === 3)
    expect(handled.numbers.filter((number) => number !== 2)).toEqual([0, 1])
    expect(handled.attempts).toEqual([1, 1, 1])
  },

  'to each group everything, also to one that comes late': async ({ bus, numbers }) => {
    const groups: Handled[] = []
    for (const round of [1, 2, 3]) {
      await bus.publish(numbers, 'number', round)
      const handled = new Handled()
      groups.push(handled)
      await bus.consume(numbers, { group: `group ${round}` }, { number: handled.add })
      const expected = upTo(round).map((n) => n + 1)
      await until(`round ${round}`, () => groups.every(({ distinct }) => distinct === round))
      for (const { sorted } of groups) expect(sorted).toEqual(expected)
    }
  },

  'of twenty streams each to its own handler': async ({ bus, stream }) => {
    const streams = upTo(20).map((n) => ({ name: `${stream}:${n}`, handled: new Handled() }))
    const worker = await bus.consumeMany({ concurrency: 20 })
    await Promise.all(
      streams.map(async ({ name, handled }, n) => {
        worker.add({ stream: name, group: 'group', handler: handled.add })
        const events = upTo(50).map((number) => ({ type: 'number', data: n * 50 + number }))
        await bus.publishUntyped(name, events)
      }),
    )
    const processed = () => worker.status.reduce((sum, one) => sum + one.processed, 0)
    await until('all', () => processed() === 1_000)
    streams.forEach(({ name, handled }, n) => {
      expect(handled.sorted).toEqual(upTo(50).map((number) => n * 50 + number))
      expect(new Set(handled.deliveries.map((delivery) => delivery.stream))).toEqual(new Set([name]))
    })
  },

  'what is published twice under one key once': async ({ bus, numbers, log }) => {
    const publish = () => bus.publish(numbers, 'number', 1, { idempotencyKey: 'key' })
    expect(new Set(await Promise.all(upTo(10).map(publish))).size).toBe(1)
    const handled = new Handled()
    await bus.consume(numbers, { group: 'group' }, { number: handled.add })
    await bus.publish(numbers, 'number', 2)
    await until('the last one', () => handled.numbers.includes(2))
    expect(handled.sorted).toEqual([1, 2])
    expect(await log.read(numbers.name, FIRST_POSITION, 10)).toHaveLength(2)
  },

  'to whoever reads without a group what was there, and what comes': async ({ bus, numbers }) => {
    await bus.publish(numbers, 'number', 0)
    const ending = new AbortController()
    const tail = bus.tail(numbers, { from: '0', signal: ending.signal })
    expect((await tail.next()).value?.event?.data).toBe(0)
    const next = tail.next()
    await bus.publish(numbers, 'number', 1)
    expect((await next).value?.event?.data).toBe(1)
    ending.abort()
    expect((await tail.next()).done).toBe(true)
  },

  'what a handler produces with the acknowledgement, and nothing of starts that failed': async (stage) => {
    const out = `{${stage.stream}}:out`
    const worker = await stage.start((delivery) => {
      const { event, attempt } = delivery
      delivery.produce(out, ['type', 'effect', 'data', String(event.data)])
      if (attempt === 1 && (event.data as number) % 2 === 0) throw new Error('not yet')
    })
    await stage.publish(10)
    await until('all', () => worker.status.processed === 10 && worker.status.held === 0)
    const effects = await stage.log.read(out, FIRST_POSITION, 100)
    expect(effects.map(({ fields }) => Number(fields[3])).sort()).toEqual(upTo(10))
  },

  'no more at once than may be held, however long the backlog is': async (stage) => {
    await stage.publish(3_000)
    let most = 0
    const worker = stage.worker({
      concurrency: 10,
      maxHeld: 40,
      handler: async () => {
        await turn()
        most = Math.max(most, worker.status.held)
      },
    })
    await worker.start()
    await until('all', () => worker.status.processed === 3_000)
    expect(most).toBeGreaterThanOrEqual(10)
    expect(most).toBeLessThanOrEqual(40)
  },
}
