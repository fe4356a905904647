import { expect } from 'vitest'
import type { Consumer } from '../../../src/core/stream-log.ts'
import { until } from '../../support/until.ts'
import { DEAD_AFTER_MS, GROUP, type Lab } from '../../support/worker-lab.ts'
import { Gate, Handled, NEVER_DEAD_MS, turn, upTo, type Stage, type StageCases } from './stage.ts'

/** Two workers on these, of which neither ends an event before both have one. */
async function shareBetween(stage: Stage, labs: readonly Lab[]): Promise<void> {
  const both = new Gate()
  const shares = labs.map(() => new Handled())
  const workers = await Promise.all(
    labs.map((lab, n) =>
      lab.start(
        async (delivery) => {
          shares[n]!.add(delivery)
          if (shares.every(({ distinct }) => distinct > 0)) both.open()
          await both.opened
        },
        { concurrency: 3, deadAfterMs: NEVER_DEAD_MS },
      ),
    ),
  )
  await stage.publish(300)
  const processed = () => workers.reduce((sum, { status }) => sum + status.processed, 0)
  await until('all', () => processed() === 300)
  expect(shares.flatMap(({ numbers }) => numbers).sort((a, b) => a - b)).toEqual(upTo(300))
}

/** A member that takes so many entries and is not heard of again. */
async function joinAndFallSilent(
  { log, stream }: Pick<Lab, 'log' | 'stream'>,
  count: number,
): Promise<Consumer> {
  const membership = { stream, group: GROUP, consumer: 'silent', deadAfterMs: DEAD_AFTER_MS }
  const consumer = await log.join(membership)
  let held = 0
  await until('what it holds', async () => {
    held += (await consumer.claim(count - held, 100, new AbortController().signal)).length
    return held === count
  })
  return consumer
}

export const sharingCases: StageCases = {
  'the load of one group, each event with one of them': (stage) => shareBetween(stage, [stage, stage]),

  'what a member held that died, as its next attempt': async (stage) => {
    await stage.publish(20)
    const silent = await joinAndFallSilent(stage, 10)
    const handled = new Handled()
    const worker = await stage.start(handled.add, { deadAfterMs: DEAD_AFTER_MS })
    await until('all', () => worker.status.processed === 20)
    expect(handled.sorted).toEqual(upTo(20))
    for (const { event, attempt } of handled.deliveries)
      expect(attempt).toBe((event.data as number) < 10 ? 2 : 1)
    await silent.leave()
  },

  'the order of keys, where that is asked for, though one stops and another goes on': async (stage) => {
    const handled = new Handled()
    const options = { order: 'key', concurrency: 10, retry: { attempts: 50, delayMs: 0 } } as const
    const handler = async (delivery: Parameters<Handled['add']>[0]) => {
      await turn()
      const { attempt, event } = delivery
      if (attempt === 1 && (event.data as number) % 9 === 0) throw new Error('not yet')
      handled.add(delivery)
    }
    await stage.publishKeyed(300, (n) => `key ${n % 5}`)
    const first = await stage.start(handler, options)
    await stage.start(handler, options)
    await until('some', () => handled.distinct >= 50)
    await first.stop(5_000)
    await until('all', () => handled.distinct === 300)
    for (const ofKey of handled.byRemainder(5)) expect(ofKey).toEqual(ofKey.toSorted((a, b) => a - b))
    expect(handled.sorted).toEqual(upTo(300))
  },
}

export const peerCases: StageCases = {
  'the load of one group, each event with one of them': async (stage) =>
    shareBetween(stage, [stage, await stage.openPeer()]),

  'what one held that vanished with its connections': async (stage) => {
    await stage.publish(20)
    const vanishing = await stage.opened.openPeer!()
    const silent = await joinAndFallSilent({ log: vanishing.log, stream: stage.stream }, 10)
    await vanishing.close()
    await silent.leave().catch(() => {}) // ends its connection; it can tell nobody any more
    const handled = new Handled()
    const worker = await stage.start(handled.add, { deadAfterMs: DEAD_AFTER_MS })
    await until('all', () => worker.status.processed === 20)
    expect(handled.sorted).toEqual(upTo(20))
  },
}
