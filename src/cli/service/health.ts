import type { BackgroundLoop } from '../../bus/background.ts'
import type { PipelineStatus } from '../../connectors/pipeline-run.ts'
import type { HealthCheck, HealthReport, HealthStatus } from '../../server/ports.ts'
import type { WorkerStatus } from '../../worker/worker.ts'
import type { CircuitWord } from './circuit.ts'

/** A consume loop that did not come round for so long is stuck, in ms; it shows itself every two seconds. */
const STUCK_AFTER_MS = 15_000
/** The same of what goes on in the background: some of it waits for a server that does not answer, or has much to do. */
const BACKGROUND_STUCK_AFTER_MS = 60_000

/** What is known by now of each part: nothing is asked, so that health answers at once whatever hangs. */
export interface HealthSources {
  /** What Redis last said, and whether anything is sent to it. */
  redis: HealthCheck
  circuit: CircuitWord
  /** Undefined where no role uses PostgreSQL. */
  database: HealthCheck | undefined
  /** Undefined where no role consumes. */
  workers: readonly WorkerStatus[] | undefined
  /** Undefined where nothing goes on in the background. */
  background: readonly BackgroundLoop[] | undefined
  /** When the loops of the responders last came round; undefined where there are none. */
  responders?: readonly number[] | undefined
  /** Undefined where there are no pipelines to run. */
  pipelines?: readonly PipelineStatus[] | undefined
  /** Why requests are refused for the moment. */
  overload: string | undefined
  /** Why the service does not take requests, whatever its parts say: it starts, or it stops. */
  notReady: string | undefined
}

/**
 * What the parts say, summed up: without Redis nothing works, without the database events are still taken and kept,
 * and consumption waits.
 */
export function healthReport(sources: HealthSources): HealthReport {
  const { workers, database, background, responders, pipelines, notReady } = sources
  const redis = checkRedis(sources)
  const eventStream = workers && checkWorkers(workers)
  const rpc = responders && checkResponders(responders)
  const sinks = pipelines && checkPipelines(pipelines)
  const checks = {
    redis,
    ...(eventStream && { eventStream }),
    ...(rpc && { rpc }),
    ...(sinks && { sinks }),
    ...(database && { database }),
    ...(background && { background: checkBackground(background) }),
    ...(sources.overload !== undefined && {
      load: { status: 'degraded' as const, reason: sources.overload },
    }),
  }
  const main = [redis, eventStream, rpc, sinks].map((check) => check?.status)
  const status = worst(...main, ...others(checks).map(soften))
  const reason = notReady ?? reasonOf(sources, eventStream, rpc, sinks)
  return { status, checks, ready: reason === undefined, ...(reason === undefined ? {} : { reason }) }
}

/** A circuit that is open while Redis answers is about to close. */
function checkRedis({ redis, circuit }: HealthSources): HealthCheck {
  return { ...redis, status: worst(redis.status, circuit === 'closed' ? 'healthy' : 'degraded'), circuit }
}

/** By loops that came round, never by a PING: a blocked read can hang on a connection beside a healthy one. */
function checkWorkers(workers: readonly WorkerStatus[]): HealthCheck {
  const stuck = workers.filter(({ lastLoopAt }) => isStuck(lastLoopAt, STUCK_AFTER_MS))
  const last = Math.max(0, ...workers.map(({ lastEntryAt }) => lastEntryAt ?? 0))
  const active = workers.length > 0 && stuck.length === 0
  return {
    status: active ? 'healthy' : 'unhealthy',
    consumerActive: active,
    lastMessage: last === 0 ? null : new Date(last).toISOString(),
  }
}

function checkResponders(lastLoops: readonly number[]): HealthCheck {
  const stuck = lastLoops.filter((at) => isStuck(at, STUCK_AFTER_MS)).length
  const respondersActive = lastLoops.length > 0 && stuck === 0
  return { status: respondersActive ? 'healthy' : 'unhealthy', respondersActive }
}

/** What is not well with a sink is degraded, since its entries wait in the stream; a loop that hangs is a fault of ours. */
function checkPipelines(pipelines: readonly PipelineStatus[]): HealthCheck {
  // One that waits for its sink has not begun to read.
  const isHung = ({ lastLoops }: PipelineStatus) =>
    lastLoops.some((at) => at > 0 && isStuck(at, STUCK_AFTER_MS))
  const isAway = ({ state }: PipelineStatus) => state === 'retrying' || state === 'failed'
  const troubled = pipelines.some(isAway) ? 'degraded' : 'healthy'
  const states = pipelines.map((one) => [one.name, isHung(one) ? 'hung' : one.state])
  return {
    status: pipelines.some(isHung) ? 'unhealthy' : troubled,
    pipelines: Object.fromEntries(states),
  }
}

function checkBackground(loops: readonly BackgroundLoop[]): HealthCheck {
  const stuck = loops.filter(({ lastLoopAt }) => isStuck(lastLoopAt, BACKGROUND_STUCK_AFTER_MS))
  if (stuck.length === 0) return { status: 'healthy' }
  return { status: 'degraded', stuck: stuck.map(({ name }) => name) }
}

const isStuck = (lastLoopAt: number, afterMs: number): boolean => Date.now() - lastLoopAt > afterMs

const others = ({ database, background, load }: Record<string, HealthCheck | undefined>) => [
  database?.status,
  background?.status,
  load?.status,
]

/** The service does its main work all the same. */
const soften = (status: HealthStatus | undefined): HealthStatus | undefined =>
  status === 'unhealthy' ? 'degraded' : status

function worst(...statuses: readonly (HealthStatus | undefined)[]): HealthStatus {
  if (statuses.includes('unhealthy')) return 'unhealthy'
  return statuses.includes('degraded') ? 'degraded' : 'healthy'
}

/** Without the database the service still takes events, so that alone makes it not unready. */
function reasonOf(
  { redis, circuit }: HealthSources,
  eventStream: HealthCheck | undefined,
  rpc: HealthCheck | undefined,
  sinks: HealthCheck | undefined,
): string | undefined {
  if (redis.status !== 'healthy') return 'Redis does not answer'
  if (circuit !== 'closed') return 'the circuit around Redis is open'
  if (eventStream && eventStream.status !== 'healthy') return 'the consume loop makes no progress'
  if (rpc && rpc.status !== 'healthy') return 'a responder makes no progress'
  if (sinks?.status === 'unhealthy') return 'a pipeline makes no progress'
  return undefined
}
