import { createRequire } from 'node:module'
import type { AmqpError } from 'rhea'
import { expect, onTestFinished, test } from 'vitest'
import {
  aliveSignal,
  connectedSink,
  consumed,
  sinkEvent,
  STREAM,
} from '../../../test/support/event-hubs/sink-lab.ts'
import { busy, tooLarge } from '../../../test/support/event-hubs/server.ts'
import { useEventHubs } from '../../../test/support/event-hubs/use-event-hubs.ts'
import { failureOf } from '../../../test/support/until.ts'
import { EventHubsError, MessageProcessingError } from '../../core/connector-errors.ts'

const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const MAX_BYTES = 65_536
const server = useEventHubs({ maxMessageBytes: MAX_BYTES })
const numbersOf = (data: readonly unknown[]) => data.map((one) => (one as { number: number }).number)
const held = () => numbersOf(server.hub('events').data()).toSorted((a, b) => a - b)
const range = (count: number) => Array.from({ length: count }, (_, number) => number)
const text = (bytes: number) => JSON.stringify({ number: 0, text: 'x'.repeat(bytes) })

type UseInstrumenter = (instrumenter: object | undefined) => void

/** The names of the spans that the client of Azure starts from now on, by its own interface for them. */
function azureSpans(): string[] {
  const { resolve } = createRequire(import.meta.url)
  const { useInstrumenter } = createRequire(resolve('@azure/event-hubs'))('@azure/core-tracing') as {
    useInstrumenter: UseInstrumenter
  }
  const names: string[] = []
  const nothing = () => undefined
  const span = { end: nothing, setAttribute: nothing, setStatus: nothing, isRecording: () => true }
  const tracingContext = { getValue: nothing, setValue: () => tracingContext }
  useInstrumenter({
    startSpan: (name: string) => (names.push(name), { span, tracingContext }),
    withContext: (_: unknown, run: () => unknown) => run(),
    createRequestHeaders: () => ({ traceparent: TRACEPARENT }),
    parseTraceparentHeader: nothing,
  })
  onTestFinished(() => useInstrumenter(undefined))
  return names
}

test('an event is a message of the AMQP binding of CloudEvents, as a consumer of Azure reads it', async () => {
  const sink = await connectedSink(server)
  const fields = {
    id: 'm-1',
    time: '2026-01-28T10:00:00.000Z',
    partitionkey: 'device 7',
    traceparent: '00-ab',
  }
  await sink.write([{ ...sinkEvent(3, fields), part: 2 }], aliveSignal())
  const [message] = await consumed(server, 1)
  expect(message).toMatchObject({
    body: { number: 3 },
    contentType: 'application/json',
    messageId: 'm-1/2',
    partitionKey: 'device 7',
  })
  expect(message!.properties).toEqual({
    'cloudEvents:specversion': '1.0',
    'cloudEvents:id': 'm-1/2',
    'cloudEvents:source': STREAM,
    'cloudEvents:type': 'telemetry.measured',
    'cloudEvents:time': '2026-01-28T10:00:00.000Z',
    'cloudEvents:partitionkey': 'device 7',
    'cloudEvents:traceparent': '00-ab',
  })
  await sink.close()
})

test('the trace of an event goes on at its consumers', async () => {
  const sink = await connectedSink(server)
  await sink.write([sinkEvent(3, { traceparent: TRACEPARENT })], aliveSignal())
  const [message] = await consumed(server, 1)
  expect(message!.properties).toMatchObject({
    'Diagnostic-Id': TRACEPARENT,
    'cloudEvents:traceparent': TRACEPARENT,
  })
  await sink.close()
})

test('an event that nobody traced costs no span, and its message says nothing of one', async () => {
  const spans = azureSpans()
  const sink = await connectedSink(server)
  await sink.write([sinkEvent(3)], aliveSignal())
  const [message] = await consumed(server, 1)
  expect(message!.properties).toHaveProperty('cloudEvents:id')
  expect(message!.properties).not.toHaveProperty('Diagnostic-Id')
  expect(spans).toContain('EventHubProducerClient.sendBatch')
  expect(spans).not.toContain('message')
  await sink.close()
})

test('data arrive as they were published where they are at hand, numbers of whatever size', async () => {
  const sink = await connectedSink(server)
  const dataJson = '{"number":12345678901234567890,"rate":1.10}'
  await sink.write([{ ...sinkEvent(3), dataJson }], aliveSignal())
  const [held] = server.hub('events').messages()
  expect(String((held!.message.body as { content: Buffer }).content)).toBe(dataJson)
  await sink.close()
})

test('10,000 events of 50 keys: all are there, once, each key in one partition and in its order', async () => {
  const sink = await connectedSink(server)
  const events = range(10_000).map((number) => sinkEvent(number, { partitionkey: `key ${number % 50}` }))
  for (let at = 0; at < events.length; at += 1_000)
    await sink.write(events.slice(at, at + 1_000), aliveSignal())
  const found = await consumed(server, 10_000)
  expect(numbersOf(found.map(({ body }) => body)).toSorted((a, b) => a - b)).toEqual(range(10_000))
  for (let key = 0; key < 50; key++) {
    const ofKey = found.filter(({ partitionKey }) => partitionKey === `key ${key}`)
    expect(numbersOf(ofKey.map(({ body }) => body))).toEqual(range(200).map((turn) => turn * 50 + key))
  }
  const partitions = server.hub('events').partitions.map(({ events: { length } }) => length > 0)
  expect(partitions).toEqual([true, true, true, true])
  await sink.close()
})

test('batches are filled to what the link takes, in order of the key, and nothing is dropped', async () => {
  const sink = await connectedSink(server)
  const sizes: number[] = []
  server.judge = ({ raw }) => {
    sizes.push(raw.reduce((sum, { length }) => sum + length, 0))
    return 'accept'
  }
  const events = range(1_000).map((number) =>
    sinkEvent(number, { partitionkey: 'k', filler: 'x'.repeat(400) }),
  )
  await sink.write(events, aliveSignal())
  expect(numbersOf(server.hub('events').data())).toEqual(range(1_000))
  expect(sizes.length).toBeGreaterThan(5)
  for (const size of sizes.slice(0, -1)) expect(size).toBeGreaterThan(MAX_BYTES * 0.95)
  for (const size of sizes) expect(size).toBeLessThanOrEqual(MAX_BYTES)
  await sink.close()
})

test('events without a key go to partitions in turn, and their batches side by side', async () => {
  const sink = await connectedSink(server)
  const events = range(300).map((number) => sinkEvent(number, { filler: 'x'.repeat(1_000) }))
  await sink.write(events, aliveSignal())
  expect(held()).toEqual(range(300))
  expect(server.hub('events').partitions.every(({ events: { length } }) => length > 0)).toBe(true)
  await sink.close()
})

test('what is too large alone is a fault of its own, wherever it stands; the others are sent', async () => {
  const sink = await connectedSink(server)
  const large = { data: text(MAX_BYTES) }
  const events = [
    sinkEvent(0, large),
    sinkEvent(1),
    sinkEvent(2, large),
    sinkEvent(3),
    sinkEvent(4, { ...large, partitionkey: 'k' }),
  ]
  const faults = await sink.write(events, aliveSignal())
  expect(faults!.map((fault) => (fault as MessageProcessingError | undefined)?.code)).toEqual([
    'EVENT_TOO_LARGE',
    undefined,
    'EVENT_TOO_LARGE',
    undefined,
    'EVENT_TOO_LARGE',
  ])
  expect(faults![0]!.message).toBe('the event hub takes at most 65536 bytes at once')
  expect(held()).toEqual([1, 3])
  await sink.close()
})

test('data that is no message is a fault of its own', async () => {
  const sink = await connectedSink(server)
  const wrong = sinkEvent(1)
  const faults = await sink.write(
    [sinkEvent(0), { ...wrong, event: { ...wrong.event, data: { big: 10n } } }, sinkEvent(2)],
    aliveSignal(),
  )
  expect(faults).toEqual([undefined, expect.any(MessageProcessingError), undefined])
  expect((faults![1] as MessageProcessingError).code).toBe('EVENT_REFUSED')
  expect(held()).toEqual([0, 2])
  await sink.close()
})

test('keys and ids that Azure finds too long, no key, and data that is no JSON', async () => {
  const sink = await connectedSink(server)
  const long = 'k'.repeat(300)
  await sink.write(
    [
      sinkEvent(0, { partitionkey: long, id: long }),
      sinkEvent(1, { partitionkey: '' }),
      sinkEvent(2, { partitionkey: long, datacontenttype: 'text/plain', data: '√ text' }),
    ],
    aliveSignal(),
  )
  const found = await consumed(server, 3)
  const ofKey = found.filter(({ properties }) => properties!['cloudEvents:partitionkey'] === long)
  expect(ofKey[0]!.body).toEqual({ number: 0 })
  expect(String(ofKey[1]!.body)).toBe('√ text')
  expect(ofKey[0]!.partitionKey).toMatch(/^[\w-]{43}$/)
  expect(ofKey[0]!.messageId).toBeUndefined()
  expect(ofKey[0]!.properties!['cloudEvents:id']).toBe(long)
  expect(ofKey[1]!.contentType).toBe('text/plain')
  expect(found.find(({ messageId }) => messageId === '1769594400000-1')!.partitionKey).toBeUndefined()
  await sink.close()
})

test.each<[string, AmqpError, number]>([
  ['server-busy with its wait', busy(7), 7_000],
  [
    'resource-limit-exceeded without one',
    { condition: 'amqp:resource-limit-exceeded', description: '50002' },
    4_000,
  ],
])('throttling is told with the wait that Event Hubs asks for: %s', async (_, refusal, waitMs) => {
  const sink = await connectedSink(server)
  server.judge = () => refusal
  const error = await failureOf(Promise.resolve(sink.write([sinkEvent(0)], aliveSignal())))
  expect(error).toBeInstanceOf(EventHubsError)
  expect(error).toMatchObject({ code: 'SINK_THROTTLED', retryAfterMs: waitMs })
  expect((error.cause as Error).name).toBe('MessagingError')
  await sink.close()
})

test('when one of several sends fails, only what it carried is sent again', async () => {
  const sink = await connectedSink(server)
  const events = range(30).map((number) => sinkEvent(number, { partitionkey: `key ${number % 3}` }))
  server.judge = ({ partitionKey }) => (partitionKey === 'key 2' ? busy(1) : 'accept')
  const error = await failureOf(Promise.resolve(sink.write(events, aliveSignal())))
  expect(error.code).toBe('SINK_THROTTLED')
  server.judge = () => 'accept'
  // As the pipeline does it, with events of its own making around the same entries.
  await sink.write(
    events.map((event) => ({ ...event, redelivered: true })),
    aliveSignal(),
  )
  expect(held()).toEqual(range(30))
  await sink.close()
})

test('what stands behind a failed batch in its key is not sent before it', async () => {
  const sink = await connectedSink(server)
  const events = range(300).map((number) =>
    sinkEvent(number, { partitionkey: 'k', filler: 'x'.repeat(1_000) }),
  )
  let batches = 0
  server.judge = () => (++batches === 2 ? busy(1) : 'accept')
  await failureOf(Promise.resolve(sink.write(events, aliveSignal())))
  expect(batches).toBe(2)
  await sink.write(events, aliveSignal())
  expect(numbersOf(server.hub('events').data())).toEqual(range(300))
  await sink.close()
})

test('a batch that is refused is to be halved; an event that is refused alone is a dead letter', async () => {
  const sink = await connectedSink(server)
  server.judge = () => tooLarge
  const both = await failureOf(Promise.resolve(sink.write([sinkEvent(0), sinkEvent(1)], aliveSignal())))
  expect(both.code).toBe('SINK_REFUSED')
  const faults = await sink.write([sinkEvent(0)], aliveSignal())
  expect((faults![0] as MessageProcessingError).code).toBe('EVENT_TOO_LARGE')
  server.judge = () => ({ condition: 'com.microsoft:argument-error', description: 'wrong' })
  const others = await sink.write([sinkEvent(0)], aliveSignal())
  expect((others![0] as MessageProcessingError).code).toBe('EVENT_REFUSED')
  await sink.close()
})
