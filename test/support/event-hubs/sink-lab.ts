import { earliestEventPosition, EventHubConsumerClient, type ReceivedEventData } from '@azure/event-hubs'
import { eventHubsSink } from '../../../src/connectors/sinks/event-hubs.ts'
import { decodeEntry } from '../../../src/core/codec.ts'
import { noLog } from '../../../src/core/service.ts'
import type { Sink, SinkContext, SinkEvent } from '../../../src/core/sink.ts'
import { MemoryStreamLog } from '../../../src/testing/memory-log.ts'
import { until } from '../until.ts'
import type { EventHubsServer } from './server.ts'

export const STREAM = 'telemetry:events'

/** As a pipeline makes it of an entry whose data is `{ number }` and whatever else is given. */
export function sinkEvent(number: number, fields: Readonly<Record<string, string>> = {}): SinkEvent {
  const position = `1769594400000-${number}`
  const all = { type: 'telemetry.measured', data: JSON.stringify({ number }), ...fields }
  const entry = { position, fields: Object.entries(all).flat() }
  return { event: decodeEntry(STREAM, entry), stream: STREAM, position, part: 0, redelivered: false, entry }
}

export const aliveSignal = (): AbortSignal => new AbortController().signal

export const context = (signal = aliveSignal()): SinkContext => ({
  name: 'telemetry',
  streams: [STREAM],
  source: new MemoryStreamLog(),
  log: noLog,
  signal,
})

/** A sink that writes to `events` of the server, connected. */
export async function connectedSink(server: EventHubsServer, sendTimeoutMs = 5_000): Promise<Sink> {
  const sink = eventHubsSink({ connectionString: server.connectionString({ hub: 'events' }), sendTimeoutMs })
  await sink.connect(context())
  return sink
}

/** What a consumer of Azure's own client finds, in the order of each partition. */
export async function consumed(server: EventHubsServer, count: number): Promise<ReceivedEventData[]> {
  const client = new EventHubConsumerClient('$Default', server.connectionString({ hub: 'events' }))
  const found: ReceivedEventData[] = []
  const errors: Error[] = []
  const subscription = client.subscribe(
    {
      processEvents: async (events) => void found.push(...events),
      processError: async (error) => void errors.push(error),
    },
    { startPosition: earliestEventPosition, maxBatchSize: 500, maxWaitTimeInSeconds: 1 },
  )
  try {
    await until('what was sent', () => found.length >= count)
  } finally {
    await subscription.close()
    await client.close()
  }
  if (errors[0]) throw errors[0]
  return found
}
