import { z } from 'zod'
import type { Sink } from '../core/sink.ts'
import { made, type Made } from './configured/words.ts'
import { eventHubsSink, type EventHubsSinkOptions } from './sinks/event-hubs.ts'
import { fileSink } from './sinks/file.ts'
import { postgresSink } from './sinks/postgres.ts'
import { isColumnPath, type ColumnPath } from './sinks/postgres/columns.ts'
import { routeSink } from './sinks/route.ts'
import { streamSink } from './sinks/stream.ts'
import { webhookSink } from './sinks/webhook.ts'

/** What a number may be is checked by the sinks themselves, with everything else about their options. */
const number = z.number().exactOptional()
const text = z.string()
const texts = z.array(text)

const columnPath = z.custom<ColumnPath>(
  isColumnPath,
  'must be id, type, time, key, source, stream, position, data, or such as data.user.email or headers.tenant',
)

/**
 * Every sink that a file of pipelines can name, by its `type`. The options are those of its factory, as far as JSON can
 * hold them; what holds a secret can also say where that is.
 */
export const SINK_TYPES: Readonly<Record<string, Made<Sink>>> = {
  file: () =>
    made(
      {
        directory: text,
        format: z.enum(['json', 'jsonl']).exactOptional(),
        gzip: z.boolean().exactOptional(),
        maxSegmentBytes: number,
        maxSegmentAgeMs: number,
        maxEventBytes: number,
        concurrency: number,
      },
      fileSink,
    ),

  'event-hubs': ({ secret }) =>
    made(
      {
        connectionString: secret.exactOptional(),
        fullyQualifiedNamespace: text.exactOptional(),
        eventHub: text.exactOptional(),
        sendTimeoutMs: number,
        concurrency: number,
      },
      // Which of both there must be, the sink says.
      (options) => eventHubsSink(options as EventHubsSinkOptions),
    ),

  postgres: ({ secret }) =>
    made(
      {
        url: secret,
        table: text,
        columns: z.record(text, columnPath),
        key: texts.exactOptional(),
        rememberMs: number,
        concurrency: number,
      },
      postgresSink,
    ),

  webhook: ({ secret }) =>
    made(
      {
        url: secret,
        // No union, which would not say what is wrong with one of them.
        secret: z.preprocess((one) => [one].flat(), z.array(secret)).exactOptional(),
        headers: z.record(text, secret).exactOptional(),
        mode: z.enum(['batch', 'single']).exactOptional(),
        maxBodyBytes: number,
        timeoutMs: number,
        concurrency: number,
        allowPrivate: z.union([z.boolean(), texts]).exactOptional(),
      },
      webhookSink,
    ),

  stream: ({ secret }) =>
    made(
      { stream: text, redis: z.strictObject({ url: secret }).exactOptional(), maxEventBytes: number },
      streamSink,
    ),

  route: ({ sink }) => made({ routes: z.record(text, sink) }, ({ routes }) => routeSink(routes)),
}
