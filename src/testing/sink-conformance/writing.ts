import { decodeEntry } from '../../core/codec.ts'
import { noLog } from '../../core/service.ts'
import type { Sink, SinkEvent } from '../../core/sink.ts'
import { MemoryStreamLog } from '../memory-log.ts'
import { BATCH_SIZE, PIPELINE, range, type SinkCases, type SinkScene } from './scene.ts'

/** Whole pipelines, where nothing goes wrong. */
export const deliveryCases: SinkCases = {
  async 'every event, and each is acknowledged when it is there'(scene) {
    await scene.publish(5 * BATCH_SIZE)
    const run = await scene.run()
    await scene.everythingIsThere()
    scene.expect(run.status.state).toBe('running')
    scene.expect(run.status.written).toBe(5 * BATCH_SIZE)
  },

  async 'what is published later too'(scene) {
    await scene.run()
    for (let turn = 0; turn < 3; turn++) {
      await scene.publish(3)
      await scene.everythingIsThere()
    }
  },

  async 'with several instances that share the load'(scene) {
    await scene.publish(10 * BATCH_SIZE)
    for (let instance = 0; instance < 3; instance++) await scene.run()
    await scene.publish(10 * BATCH_SIZE)
    await scene.everythingIsThere()
  },

  async 'of a text with all kinds of characters'(scene) {
    await isTaken(scene, '"\\\n\r\t\u001f\u2028 √ 🌊 </script> \'; DROP TABLE events; --')
  },
}

export const zeroCases: SinkCases = {
  async 'in a text is taken as any other character'(scene) {
    await isTaken(scene, 'a\u0000b')
  },
}

async function isTaken(scene: SinkScene, text: string): Promise<void> {
  await scene.publish(1, { text })
  await scene.run()
  await scene.everythingIsThere()
  scene.expect(await scene.lab.held()).toEqual([{ number: 0, text }])
}

/** A sink by itself, and several batches. */
export const orderCases: SinkCases = {
  async 'within a batch, and from one to the next'(scene) {
    await scene.publish(5 * BATCH_SIZE)
    await scene.run({ concurrency: 1 })
    await scene.everythingIsThere()
    await scene.isInOrder(5 * BATCH_SIZE)
  },

  async 'as a batch is given to the sink'(scene) {
    const sink = await connected(scene)
    await sink.write(events(scene, BATCH_SIZE), aliveSignal())
    scene.expect(await scene.numbers()).toEqual(range(BATCH_SIZE))
    await sink.close()
  },

  async 'also where some are redelivered and were never there'(scene) {
    const sink = await connected(scene)
    const mixed = events(scene, BATCH_SIZE).map((event, number) => ({
      ...event,
      redelivered: number % 3 === 1,
    }))
    await sink.write(mixed, aliveSignal())
    scene.expect(await scene.numbers()).toEqual(range(BATCH_SIZE))
    await sink.close()
  },

  async 'also where the first ones are redelivered and there already'(scene) {
    const sink = await connected(scene)
    await sink.write(events(scene, 5), aliveSignal())
    const mixed = events(scene, BATCH_SIZE).map((event, number) => ({ ...event, redelivered: number < 10 }))
    await sink.write(mixed, aliveSignal())
    await scene.isInOrder(BATCH_SIZE)
    await sink.close()
  },
}

/** A sink by itself. */
export const lifeCases: SinkCases = {
  async 'it has for good what it was given when a write comes to its end'(scene) {
    const sink = await connected(scene)
    for (const number of range(5)) {
      await sink.write([sinkEvent(scene.stream, number)], aliveSignal())
      scene.expect((await scene.numbers()).length).toBe(number + 1)
    }
    await sink.close()
  },

  async 'it can be closed twice, also before it was connected, and connected once more'(scene) {
    const sink = scene.lab.sink()
    await sink.close()
    await connected(scene, sink)
    await sink.write([sinkEvent(scene.stream, 0)], aliveSignal())
    await sink.close()
    await sink.close()
    await connected(scene, sink)
    await connected(scene, sink)
    await sink.write([sinkEvent(scene.stream, 1)], aliveSignal())
    await sink.close()
    scene.expect((await scene.numbers()).toSorted((a, b) => a - b)).toEqual([0, 1])
  },
}

export const repeatCases: SinkCases = {
  async 'of a batch are written once, also by another instance'(scene) {
    const again = events(scene, 3).map((event) => ({ ...event, redelivered: true }))
    const [one, other] = [await connected(scene), await connected(scene)]
    await one.write(events(scene, 3), aliveSignal())
    await one.write(again, aliveSignal())
    await other.write([...again, { ...sinkEvent(scene.stream, 3), redelivered: true }], aliveSignal())
    await one.close()
    await other.write(again, aliveSignal())
    await other.close()
    const third = await connected(scene)
    await third.write(again, aliveSignal())
    await third.close()
    scene.expect((await scene.numbers()).toSorted((a, b) => a - b)).toEqual(range(4))
  },

  async 'within one batch too'(scene) {
    const sink = await connected(scene)
    const event = { ...sinkEvent(scene.stream, 0), redelivered: true }
    await sink.write([event, event], aliveSignal())
    await sink.close()
    scene.expect(await scene.numbers()).toEqual([0])
  },

  async 'are told from other parts, other streams and other events of the same position'(scene) {
    const sink = await connected(scene)
    const event = { ...sinkEvent(scene.stream, 0), redelivered: true }
    const changed = { ...sinkEvent(scene.stream, 1), redelivered: true }
    const writtenAnew = { ...changed, position: event.position }
    for (const one of [event, { ...event, part: 1 }, { ...event, stream: `${event.stream}:2` }, writtenAnew])
      await sink.write([one], aliveSignal())
    await sink.close()
    scene.expect((await scene.numbers()).toSorted((a, b) => a - b)).toEqual([0, 0, 0, 1])
  },
}

const aliveSignal = (): AbortSignal => new AbortController().signal

async function connected(scene: SinkScene, sink: Sink = scene.lab.sink()): Promise<Sink> {
  const signal = aliveSignal()
  await sink.connect({
    name: PIPELINE,
    streams: [scene.stream],
    source: new MemoryStreamLog(),
    log: noLog,
    signal,
  })
  return sink
}

/** As a pipeline makes it of an entry. */
function sinkEvent(stream: string, number: number): SinkEvent {
  const position = `1769594400000-${number}`
  const entry = { position, fields: ['type', 'number', 'data', JSON.stringify({ number })] }
  return { event: decodeEntry(stream, entry), stream, position, part: 0, redelivered: false, entry }
}

/** The first `count` of a stream, made anew with each call. */
const events = ({ stream }: SinkScene, count: number): SinkEvent[] =>
  range(count).map((number) => sinkEvent(stream, number))
