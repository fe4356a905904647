import { eventHubsSink, type EventHubsSinkOptions } from '../../src/connectors/sinks/event-hubs.ts'
import { fileSink, type FileSinkOptions } from '../../src/connectors/sinks/file.ts'
import { postgresSink, type PostgresSinkOptions } from '../../src/connectors/sinks/postgres.ts'
import { streamSink, type StreamSinkOptions } from '../../src/connectors/sinks/stream.ts'
import { webhookSink, type WebhookSinkOptions } from '../../src/connectors/sinks/webhook.ts'
import type { Sink } from '../../src/core/sink.ts'

/** A sink as it is told to another process. */
export type SinkSpec =
  | { type: 'file'; options: FileSinkOptions }
  | { type: 'postgres'; options: PostgresSinkOptions }
  | { type: 'webhook'; options: WebhookSinkOptions }
  | { type: 'event-hubs'; options: EventHubsSinkOptions }
  | { type: 'stream'; options: StreamSinkOptions }

export function sinkOf(spec: SinkSpec): Sink {
  switch (spec.type) {
    case 'file':
      return fileSink(spec.options)
    case 'postgres':
      return postgresSink(spec.options)
    case 'webhook':
      return webhookSink(spec.options)
    case 'event-hubs':
      return eventHubsSink(spec.options)
    case 'stream':
      return streamSink(spec.options)
  }
}
