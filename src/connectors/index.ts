export {
  ConfigurationError,
  ConnectorError,
  EventHubsError,
  MessageProcessingError,
  RedisConnectionError,
  RedisStreamError,
  SinkError,
  type SinkErrorCode,
  type SinkErrorOptions,
} from '../core/connector-errors.ts'
export type { PipelineObserver, Sink, SinkContext, SinkEvent } from '../core/sink.ts'
export type { CursorLease, Cursors, Source, SourceBatch, SourceContext, SourceItem } from '../core/source.ts'
export {
  pipeline,
  type PipelineDeclaration,
  type SinkPipelineDeclaration,
  type SinkPipelineOptions,
  type SourcePipelineDeclaration,
  type SourcePipelineOptions,
} from './pipeline.ts'
export type { PipelineFailure, PipelineRun, PipelineState, PipelineStatus } from './pipeline-run.ts'
export { runPipeline } from './run-pipeline.ts'
export type { PipelineSurroundings } from './sink-pipeline.ts'
export { toCloudEvent, toCloudEventJson, type CloudEvent } from './cloud-event.ts'
export {
  checkEventHubsConnection,
  eventHubsSink,
  type EventHubsConnectOptions,
  type EventHubsCredential,
  type EventHubsCredentialOptions,
  type EventHubsSinkOptions,
} from './sinks/event-hubs.ts'
export { fileSink, type FileSinkOptions } from './sinks/file.ts'
export type { ColumnPath } from './sinks/postgres/columns.ts'
export { postgresSink, type PostgresSinkOptions } from './sinks/postgres.ts'
export { routeSink } from './sinks/route.ts'
export { streamSink, type StreamSinkOptions } from './sinks/stream.ts'
export { verifyWebhook, webhookSink, type WebhookSinkOptions } from './sinks/webhook.ts'
export { fileSource, type CsvOptions, type FileSourceOptions } from './sources/file.ts'
