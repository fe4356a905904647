import type { HealthCheck, HealthReport, HealthStatus } from '../../server/ports.ts'
import type { WorkerStatus } from '../../worker/worker.ts'

/** A consume loop that did not come round for so long is stuck, in ms; it shows itself every two seconds. */
const STUCK_AFTER_MS = 15_000
/** How long a check may take, in ms: whoever asks is answered, also while Redis or PostgreSQL is not. */
const CHECK_TIMEOUT_MS = 2_000

export interface HealthSources {
  /** Answers the latency in ms; undefined while there was no first connection. */
  pingRedis: (() => Promise<number>) | undefined
  /** Undefined where no role uses PostgreSQL. */
  pingDatabase: (() => Promise<void>) | undefined
  /** Undefined where no role consumes. */
  workers: (() => readonly WorkerStatus[]) | undefined
  /** Why the service does not take requests, whatever its parts say: it starts, or it stops. */
  notReady: string | undefined
}

/**
 * What the parts say, summed up: without Redis nothing works, without the database events are still taken and kept,
 * and consumption waits.
 */
export async function healthReport(sources: HealthSources): Promise<HealthReport> {
  const { pingRedis, pingDatabase, workers, notReady } = sources
  const [redis, database] = await Promise.all([
    check(pingRedis ?? (() => Promise.reject(new Error('not connected yet')))),
    pingDatabase && check(pingDatabase),
  ])
  const eventStream = workers && checkWorkers(workers())
  const checks = { redis, ...(eventStream ? { eventStream } : {}), ...(database ? { database } : {}) }
  const status = worst([redis.status, eventStream?.status, database && soften(database.status)])
  const reason = notReady ?? reasonOf(checks)
  return { status, checks, ready: reason === undefined, ...(reason === undefined ? {} : { reason }) }
}

async function check(ping: () => Promise<number | void>): Promise<HealthCheck> {
  const lastCheck = new Date().toISOString()
  const start = performance.now()
  try {
    await Promise.race([ping(), timeout()])
    return { status: 'healthy', latency: Math.round(performance.now() - start), lastCheck }
  } catch (error) {
    return { status: 'unhealthy', lastCheck, error: (error as Error).message }
  }
}

function timeout(): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`no answer within ${CHECK_TIMEOUT_MS} ms`)), CHECK_TIMEOUT_MS).unref()
  })
}

/** By loops that came round, never by a PING: a blocked read can hang on a connection beside a healthy one. */
function checkWorkers(workers: readonly WorkerStatus[]): HealthCheck {
  const now = Date.now()
  const stuck = workers.filter(({ lastLoopAt }) => now - lastLoopAt > STUCK_AFTER_MS)
  const last = Math.max(0, ...workers.map(({ lastEntryAt }) => lastEntryAt ?? 0))
  return {
    status: stuck.length > 0 || workers.length === 0 ? 'unhealthy' : 'healthy',
    consumerActive: workers.length > 0 && stuck.length === 0,
    lastMessage: last === 0 ? null : new Date(last).toISOString(),
  }
}

const soften = (status: HealthStatus): HealthStatus => (status === 'healthy' ? 'healthy' : 'degraded')

function worst(statuses: readonly (HealthStatus | undefined)[]): HealthStatus {
  if (statuses.includes('unhealthy')) return 'unhealthy'
  return statuses.includes('degraded') ? 'degraded' : 'healthy'
}

/** Without the database the service still takes events, so that alone makes it not unready. */
function reasonOf({ redis, eventStream }: Record<string, HealthCheck | undefined>): string | undefined {
  if (redis?.status !== 'healthy') return 'Redis does not answer'
  if (eventStream && eventStream.status !== 'healthy') return 'the consume loop makes no progress'
  return undefined
}
