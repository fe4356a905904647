import { expect } from 'vitest'
import { decodeEntry } from '../../../src/core/codec.ts'
import { until } from '../../support/until.ts'
import { Handled, upTo, type Stage, type StageCases } from './stage.ts'

const EVENTS = 1_000
const PUBLISHERS = 20

/** Publishes under a key until it is written, whatever comes between. */
const publish = ({ bus, numbers }: Stage, number: number) =>
  until(`the event ${number} to be written`, () =>
    bus.publish(numbers, 'number', number, { idempotencyKey: `key ${number}` }),
  )

/** `afterOne` is told how many are written. */
async function publishAll(stage: Stage, afterOne: (written: number) => void): Promise<void> {
  let [next, written] = [0, 0]
  const work = async () => {
    while (next < EVENTS) {
      await publish(stage, next++)
      afterOne(++written)
    }
  }
  await Promise.all(upTo(PUBLISHERS).map(work))
}

/** The fault comes twice, after a third and after a half of the events. */
async function goOnThrough(stage: Stage, fault: () => Promise<void>): Promise<void> {
  const breakAt = new Set([Math.floor(EVENTS / 3), Math.floor(EVENTS / 2)])
  let faults = Promise.resolve()
  const handled = new Handled()
  const worker = await stage.start(handled.add, { concurrency: 20 })
  await publishAll(stage, (written) => {
    if (breakAt.has(written)) faults = faults.then(fault)
  })
  await faults
  await until('all', () => handled.distinct === EVENTS)
  const entries = await until('the stream', () => stage.entries())
  const written = entries.map((entry) => decodeEntry(stage.stream, entry).data as number)
  expect(written.sort((a, b) => a - b)).toEqual(upTo(EVENTS))
  await until('the settlement', () => worker.status.held === 0)
  expect(await until('no letters', async () => [await stage.letters()])).toEqual([[]])
}

export const disconnectCases: StageCases = {
  'no event is lost, none that has a key is there twice, and the worker goes on by itself': (stage) =>
    goOnThrough(stage, () => stage.opened.disconnect!()),
}

export const restartCases: StageCases = {
  'no event is lost, none that has a key is there twice, and the worker goes on by itself': (stage) =>
    goOnThrough(stage, () => stage.opened.restart!()),
}
