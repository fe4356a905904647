export {
  defineApp,
  handle,
  handleBatch,
  handleOnce,
  route,
  type AnswerOf,
  type App,
  type AppHandlers,
  type BatchGroupOptions,
  type GroupDeclaration,
  type GroupOptions,
  type MigrationDeclaration,
  type RouteLine,
  type RouteOptions,
  type StreamRetention,
} from './app/app.ts'
export { Bus, type BusOptions, type PublishOptions, type When } from './bus/bus.ts'
export { connect } from './bus/connect.ts'
export { dispatch, type DispatchOptions } from './bus/dispatch.ts'
export type { GroupOptions as ConsumeOptions } from './bus/group-handler.ts'
export type { HandlerKey, Handlers } from './bus/handlers.ts'
export type { PublisherOptions } from './bus/publisher.ts'
export type { TailedEntry, TailOptions } from './bus/tail.ts'
export type * from './core/action-record.ts'
export type * from './core/app-context.ts'
export type { AuditFact, AuditTrail } from './core/audit.ts'
export type * from './core/dead-letters.ts'
export {
  Postpone,
  RetryLater,
  Reject,
  type BatchHandler,
  type Delivery,
  type Handler,
  type Middleware,
} from './core/delivery.ts'
export { InvalidError, MillraceError, PublishError, type ErrorCode, type Issue } from './core/errors.ts'
export type { Event, NewEvent } from './core/event.ts'
export type { Explain, ExplainOptions, GroupExplanation, Severity, Verdict } from './core/explain.ts'
export type { GroupControl } from './core/group-control.ts'
export type * from './core/group-lifecycle.ts'
export type * from './core/group-members.ts'
export type { GroupResets, ResetOptions, ResetPreview, ResetRequest } from './core/group-reset.ts'
export type { Hold, HoldOptions, Holds } from './core/holds.ts'
export { HttpProblem, type HttpProblemOptions } from './core/http-problem.ts'
export type * from './core/jobs.ts'
export type { GroupLag, GroupStats } from './core/lag.ts'
export type { Operations } from './core/operations.ts'
export type * from './core/metric.ts'
export { compose, type PublishContext, type PublishMiddleware } from './core/pipeline.ts'
export { compilePattern, type Pattern } from './core/pattern.ts'
export type * from './core/replay.ts'
export type * from './core/retention.ts'
export {
  resolveRetention,
  type DeclaredGroup,
  type ResolvedRetentionPolicy,
  type RetentionDeclaration,
  type RetentionPolicy,
  type RetentionTarget,
} from './core/retention-policy.ts'
export type { AskedContract } from './core/rpc.ts'
export type { RouteAnswer, RouteDeclaration, RouteRequest } from './core/route.ts'
export type { ScheduledEvents, WaitingEntry, WaitingPage } from './core/schedule.ts'
export type { Schema } from './core/schema.ts'
export type { Log, Service } from './core/service.ts'
export { stream, type NewEventOf, type Schemas, type StreamDeclaration } from './core/stream.ts'
export type * from './core/stream-catalogue.ts'
export type { Entry, RateLimit, StreamLog } from './core/stream-log.ts'
export { versioned } from './core/versioned.ts'
export type * from './core/stream-info.ts'
export type { TlsOptions, TlsSource } from './core/tls.ts'
export type { Tracing } from './core/tracing.ts'
export { RedisStreamLog, type RedisLogOptions } from './redis/redis-log.ts'
export { job, type JobDeclaration, type JobEvent, type JobOptions, type Tick } from './schedule/job.ts'
export type { MetricOptions } from './telemetry/metrics/declaration.ts'
export { counter, gauge, histogram } from './telemetry/metrics/declare.ts'
export { HandlerHistograms } from './telemetry/metrics/handler-times.ts'
export type { Counter, Gauge, Histogram, HistogramOptions } from './telemetry/metrics/instruments.ts'
export { Metrics, type MetricDescription, type Scrape } from './telemetry/metrics/metrics.ts'
export { PublishCounters } from './telemetry/metrics/published.ts'
export { RpcMetrics } from './telemetry/metrics/rpc.ts'
export { WorkerMetrics, type WatchedWorker, type WorkerFigures } from './telemetry/metrics/workers.ts'
export { openTelemetry } from './telemetry/tracing/open-telemetry.ts'
export type { BatchOptions } from './worker/batch-collector.ts'
export type { BreakerOptions } from './worker/breaker.ts'
export {
  MultiStreamWorker,
  type MemberOptions,
  type MultiStreamOptions,
} from './worker/multi-stream-worker.ts'
export type { RetryOptions } from './worker/retry-policies.ts'
export type { RetryPolicy } from './worker/retry-policy.ts'
export { Worker, type WorkerStatus } from './worker/worker.ts'
export type { WorkerOptions } from './worker/worker-options.ts'
