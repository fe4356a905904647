import type { AccessControl, RateLimiter } from '../core/access.ts'
import type { MillraceError } from '../core/errors.ts'
import type { NewEvent } from '../core/event.ts'
import type { ProcessedEvents } from '../core/processed-events.ts'
import type { Log } from '../core/service.ts'
import type { SettingsControl } from '../core/settings.ts'
import type { Tracing } from '../core/tracing.ts'

/** Everything that the HTTP API needs of the rest of the house. */
export interface ServerPorts {
  service: ServiceInfo

  /**
   * Refuses, with a MillraceError, what `publish` would refuse for its content: a batch is checked as a whole before any
   * of it is published. In an InvalidError the data of the event is called `data`.
   */
  check(stream: string, event: NewEvent): void | Promise<void>

  /**
   * Publishes events to one stream, in order. Answers the position of each, or why that one was not written; rejects
   * when none was. Checks by itself what `check` checks.
   */
  publish(stream: string, events: readonly NewEvent[]): Promise<(string | MillraceError)[]>

  /** Publishes a test event to the service's own stream; answers its position. */
  publishTestEvent(): Promise<string>

  /** Answers quickly, also while what it reports on is down. */
  health(): Promise<HealthReport>

  /** `DATABASE_UNAVAILABLE` while it can't be asked. */
  processedEvents: ProcessedEvents

  /** Who may do what; without it everybody may do everything, as on a developer's own machine. */
  access?: AccessControl

  /** How often a client may ask; without it, as often as it likes. */
  rateLimiter?: RateLimiter

  /** The public keys of our own tokens, as a JSON Web Key Set; without it there is no such route. */
  tokenKeys?: () => Promise<object>

  /** Why requests are refused for the moment; undefined while there is room for them. */
  overload?: () => string | undefined

  /** What `/metrics` answers, in the text format of Prometheus; without it there is no such route. */
  metrics?: () => Promise<{ contentType: string; text: string }>

  /** Told how long each request took, by the pattern of its route. */
  observeRequest?: (request: { method: string; route: string; status: string }, seconds: number) => void

  /** Makes spans of requests; without it there are none. */
  tracing?: Tracing | undefined

  /** What can be changed while the service runs; without it there are no such routes. */
  settings?: SettingsControl

  log?: Log
}

export interface ServiceInfo {
  name: string
  version: string
  startedAt: Date
}

export type HealthStatus = 'healthy' | 'degraded' | 'unhealthy'

export interface HealthReport {
  status: HealthStatus
  /** By the name of what was checked: `redis`, `eventStream`, `database`, … */
  checks: Record<string, HealthCheck>
  /** Whether requests should be sent here. */
  ready: boolean
  /** Why not. */
  reason?: string
}

/** Shown as it is. Latencies in milliseconds, times in ISO 8601. */
export interface HealthCheck {
  status: HealthStatus
  [detail: string]: unknown
}
