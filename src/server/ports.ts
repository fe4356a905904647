import type { AccessControl, RateLimiter } from '../core/access.ts'
import type { PreparedEvent } from '../core/checked-entry.ts'
import type { MillraceError } from '../core/errors.ts'
import type { NewEvent } from '../core/event.ts'
import type { Operations } from '../core/operations.ts'
import type { ProcessedEvents } from '../core/processed-events.ts'
import type { RepeatableRequest } from '../core/request-memory.ts'
import type { RouteAnswer, RouteDeclaration, RouteRequest } from '../core/route.ts'
import type { Log } from '../core/service.ts'
import type { SettingsControl } from '../core/settings.ts'
import type { Tracing } from '../core/tracing.ts'
import type { AdminPorts } from './admin/admin-ports.ts'
import type { LiveLog } from './live-tails.ts'

/** Everything that the HTTP API needs of the rest of the house. */
export interface ServerPorts {
  service: ServiceInfo

  /**
   * What will be written of an event, when nothing speaks against it that can be known before: a batch is prepared as a
   * whole before any of it is published. Refuses the others with a MillraceError; in an InvalidError the data of the
   * event is called `data`. A promise only where there is something to wait for.
   */
  prepare(stream: string, event: NewEvent): PreparedEvent | Promise<PreparedEvent>

  /**
   * Writes what was prepared for one stream, in order. Answers the position of each event, or why that one was not
   * written; rejects when none was.
   */
  publish(stream: string, events: readonly PreparedEvent[]): Promise<(string | MillraceError)[]>

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

  /** What whoever is on call can do; without it there are no such routes. */
  admin?: AdminPorts

  /** The routes of the app. */
  app?: AppRoutes

  /** What there is to look at and to listen to; without it there are no such routes. */
  streams?: StreamsPort

  log?: Log
}

/** The routes of the app that runs, and what runs them. */
export interface AppRoutes {
  readonly routes: readonly RouteDeclaration[]
  /** Aborted when the service stops. */
  readonly stopping: AbortSignal
  /**
   * @param requestAs the request, with the id that it gets
   * @param repeatable where it came with an `Idempotency-Key`, for a route that takes one
   */
  answer(
    route: RouteDeclaration,
    requestAs: (requestId: string) => RouteRequest,
    repeatable?: RepeatableRequest,
  ): Promise<RouteAnswer>
}

/** The streams of the service, for whoever may look. */
export interface StreamsPort {
  /** Those that the app names. */
  readonly declared: readonly { readonly name: string; readonly eventTypes: readonly string[] }[]
  /** @throws MillraceError `REDIS_UNAVAILABLE` before there is a connection */
  log(): LiveLog & { readonly operations: Operations }
  /** Aborted when the service stops. */
  readonly stopping: AbortSignal
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
