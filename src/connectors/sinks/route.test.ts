import { expect, test } from 'vitest'
import { SinkError } from '../../core/connector-errors.ts'
import type { BatchFaults } from '../../core/delivery.ts'
import type { Sink, SinkContext, SinkEvent } from '../../core/sink.ts'
import { failureOf } from '../../../test/support/until.ts'
import { routeSink } from './route.ts'

const context = {} as SinkContext
const { signal } = new AbortController()

/** Keeps what it got, and answers what a test says. */
class Kept implements Sink {
  readonly concurrency: number
  readonly data: unknown[] = []
  open = false
  answer: (events: readonly SinkEvent[]) => Promise<BatchFaults | void> = async () => {}

  constructor(concurrency = 1) {
    this.concurrency = concurrency
  }
  async connect(): Promise<void> {
    this.open = true
  }
  async write(events: readonly SinkEvent[]): Promise<BatchFaults | void> {
    this.data.push(...events.map(({ event }) => event.data))
    return this.answer(events)
  }
  async close(): Promise<void> {
    this.open = false
  }
}

const events = (...types: string[]): SinkEvent[] =>
  types.map((type, data) => {
    const event = { id: `${data}`, type, time: '', data, headers: {} }
    return {
      event,
      stream: 's',
      position: `${data}-0`,
      part: 0,
      redelivered: false,
      entry: { position: `${data}-0`, fields: [] },
    }
  })

test('each event goes where its type fits best, in order, and faults come back in their places', async () => {
  const [users, rest] = [new Kept(4), new Kept(2)]
  const sink = routeSink({ 'user.*': users, 'a.>': rest, 'user.gone': rest })
  expect(sink.concurrency).toBe(2)
  await sink.connect(context)
  rest.answer = async (batch) => batch.map(({ event }) => (event.data === 3 ? new Error('three') : undefined))
  const faults = (await sink.write(
    events('user.new', 'a.b.c', 'b', 'a.x', 'user.gone', 'user.old'),
    signal,
  )) as Error[]
  expect([users.data, rest.data]).toEqual([
    [0, 5],
    [1, 3, 4],
  ])
  expect(faults.map((fault) => fault?.message)).toEqual([
    undefined,
    undefined,
    'no route fits the type "b"',
    'three',
  ])
  await sink.close()
  expect([users.open, rest.open]).toEqual([false, false])
})

test('where one of them is away, so is the whole, once the others have ended', async () => {
  const [slow, away] = [new Kept(), new Kept()]
  let ended = false
  slow.answer = async () => {
    await new Promise((resolve) => setImmediate(resolve))
    ended = true
  }
  away.answer = async () => {
    throw new SinkError('SINK_UNAVAILABLE', 'away')
  }
  const sink = routeSink({ a: away, b: slow })
  expect(await failureOf(async () => sink.write(events('a', 'b'), signal))).toMatchObject({
    code: 'SINK_UNAVAILABLE',
  })
  expect(ended).toBe(true)
})

test('what one of them has is not given to it again when another one was away', async () => {
  const [users, away] = [new Kept(), new Kept()]
  const batch = events('a', 'user', 'a', 'user')
  users.answer = async (given) =>
    given.map(({ event }) => (event.data === 3 ? new Error('three') : undefined))
  away.answer = () => Promise.reject(new SinkError('SINK_UNAVAILABLE', 'away'))
  const sink = routeSink({ a: away, user: users })
  await failureOf(async () => sink.write(batch, signal))
  away.answer = async () => {}
  const again = batch.map((one) => ({ ...one, redelivered: true }))
  expect((await sink.write(again, signal))?.[3]).toMatchObject({ message: 'three' })
  expect([users.data, away.data]).toEqual([
    [1, 3, 3],
    [0, 2, 0, 2],
  ])
})

test('what one of them has is known though another one never ends', async () => {
  const [users, stuck] = [new Kept(), new Kept()]
  stuck.answer = () => new Promise(() => {})
  const sink = routeSink({ a: stuck, user: users })
  const over = new AbortController()
  const batch = events('a', 'user')
  void sink.write(batch, over.signal)
  await new Promise((resolve) => setImmediate(resolve))
  over.abort()
  stuck.answer = async () => {}
  await sink.write(batch, signal)
  expect([users.data, stuck.data]).toEqual([[1], [0, 0]])
})

test('what is no sink is refused where it is declared', () => {
  expect(() => routeSink({ a: {} as Sink, b: new Kept() })).toThrow(/a: must be a sink/)
  expect(() => routeSink({})).toThrow(/at least one/)
})

test('data as JSON are asked for where all of them do', () => {
  const asks = Object.assign(new Kept(), { wantsJson: true })
  expect(routeSink({ a: asks, b: asks }).wantsJson).toBe(true)
  expect(routeSink({ a: asks, b: new Kept() }).wantsJson).toBe(false)
})
