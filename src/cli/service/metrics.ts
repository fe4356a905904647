import type { App } from '../../app/app.ts'
import type { Config } from '../../config/config.ts'
import type { Middleware } from '../../core/delivery.ts'
import type { StreamLog } from '../../core/stream-log.ts'
import { metrics as measure } from '../../middleware/metrics.ts'
import type { Postgres } from '../../postgres/open-postgres.ts'
import type { RedisStreamLog } from '../../redis/redis-log.ts'
import { jobGroup } from '../../schedule/job-group.ts'
import { createMetricsApp } from '../../server/app.ts'
import { HttpServer } from '../../server/http-server.ts'
import type { ServerPorts } from '../../server/ports.ts'
import type { PipelineMetrics } from '../../telemetry/metrics/pipelines.ts'
import type { RpcMetrics } from '../../telemetry/metrics/rpc.ts'
import { ServiceMetrics } from '../../telemetry/metrics/service-metrics.ts'
import type { StreamSources } from '../../telemetry/metrics/stream-scrape.ts'
import type { RedisCircuit } from './circuit.ts'
import { hasRole, type ServiceOptions } from './options.ts'
import type { StreamWorkers } from './stream-workers.ts'

/** What a service is made of by now. */
export interface MeasuredParts {
  log: RedisStreamLog | undefined
  postgres: Postgres | undefined
  workers: StreamWorkers | undefined
  circuit: Pick<RedisCircuit, 'state'>
  ready: boolean
}

/** The metrics of a service, where it is to have any. What they need is asked for when there is a scrape. */
export function serviceMetrics(
  options: ServiceOptions,
  rpc: RpcMetrics,
  pipelines: PipelineMetrics,
  parts: () => MeasuredParts,
): ServiceMetrics | undefined {
  const { app, config } = options
  if (!config.metrics.enabled) return undefined
  return new ServiceMetrics({
    version: config.service.version,
    ready: () => parts().ready,
    streams: streamsOf(app),
    app: app.metrics,
    redis: () => streamSources(parts().log),
    redisCircuit: () => parts().circuit.state,
    rpc,
    ...(hasRole(options, 'connector') && { pipelines }),
    ...(hasRole(options, 'worker') && { workers: () => parts().workers?.workers ?? [] }),
    ...(hasRole(options, 'api', 'worker') && { outboxAgeMs: () => parts().postgres?.outbox.oldestAgeMs() }),
  })
}

/** Counted, where there are metrics: whatever is published goes through it. */
export const countedLog = (metrics: ServiceMetrics | undefined, log: StreamLog): StreamLog =>
  metrics?.published.count(log) ?? log

/** What the HTTP API tells and shows of them. */
export const metricsPorts = (
  metrics: ServiceMetrics | undefined,
): Pick<ServerPorts, 'metrics' | 'observeRequest'> =>
  metrics
    ? {
        metrics: () => metrics.scrape(),
        observeRequest: (request, seconds) => metrics.requests.observe(request, seconds),
      }
    : {}

/** What clients reach: metrics too, unless they have a port of their own. */
export function clientPorts({ config }: ServiceOptions, ports: ServerPorts): ServerPorts {
  if (ownPort(config) === undefined) return ports
  const { metrics: _, ...others } = ports
  return others
}

/** The server of that port, where there is one. */
export function metricsServer(
  { config, logger }: ServiceOptions,
  ports: ServerPorts,
): HttpServer | undefined {
  const port = ownPort(config)
  if (port === undefined) return undefined
  const { fetch } = createMetricsApp(ports, config.http)
  return new HttpServer(fetch, {
    ...config.http,
    port,
    orAnyPort: false,
    portVariable: 'METRICS_PORT',
    log: logger.for('metrics'),
  })
}

/** Undefined where that of the service serves. */
function ownPort({ metrics: { enabled, port }, http }: Config): number | undefined {
  const isShared = port !== 0 && port === http.port
  return enabled && !isShared ? port : undefined
}

function streamsOf({ streams, handlers, rpc, jobs, pipelines }: App): string[] {
  const ticks = jobGroup(jobs)?.stream
  return [
    ...streams.map(({ name }) => name),
    ...handlers.map(({ stream }) => stream),
    ...rpc.map(({ contract }) => contract.stream),
    ...pipelines.flatMap((one) => (one.kind === 'sink' ? one.streams : [one.stream])),
    ...(ticks ? [ticks.name] : []),
  ]
}

/** Put before everything that a delivery goes through, to measure all of it. */
export const measuring = (metrics: ServiceMetrics | undefined): readonly Middleware[] =>
  metrics ? [measure({ times: metrics.handlers })] : []

const streamSources = (log: RedisStreamLog | undefined): StreamSources | undefined =>
  log && {
    ping: () => log.ping(),
    registered: () => log.registered(),
    info: (stream) => log.operations.streams.info(stream),
    lag: (stream) => log.operations.stats.lag(stream),
    memory: () => log.memory(),
  }
