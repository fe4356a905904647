import { OpenAPIHono } from '@hono/zod-openapi'
import { noLog } from '../core/service.ts'
import { gate } from './access.ts'
import { addAdminRoutes } from './admin/admin-routes.ts'
import { addAppRoutes, parameterPrefixes } from './app-routes.ts'
import { clientAddress } from './client-address.ts'
import { addCloudEventRoutes } from './cloud-event-routes.ts'
import { addDocumentRoutes } from './document-routes.ts'
import type { ServerApp } from './endpoint.ts'
import { envelope, timeLimit } from './envelope.ts'
import type { ServerEnv } from './server-env.ts'
import { addHealthRoutes } from './health-routes.ts'
import { HttpError } from './http-error.ts'
import { addLiveEvents } from './live-events.ts'
import { addMetricsRoute } from './metrics-route.ts'
import { addMonitoringRoutes } from './monitoring-routes.ts'
import { refuseOverload, type InFlightLimits } from './overload.ts'
import type { ServerPorts } from './ports.ts'
import { problemResponse } from './problem.ts'
import { addProcessedRoutes } from './processed-routes.ts'
import { addPublishRoutes, type PublishLimits } from './publish-routes.ts'
import { addSettingsRoutes } from './settings-routes.ts'
import { SplitRouter } from './split-router.ts'
import { addTestEventRoute } from './test-event-route.ts'
import { addTokenKeysRoute } from './token-keys-route.ts'

export interface AppOptions {
  /** How long a request may take before it is answered with 504. */
  requestTimeoutMs: number
  /** Addresses and networks (CIDR) whose word is taken for where a request came from. */
  trustedProxies?: readonly string[]
}

export interface ServerOptions extends AppOptions, PublishLimits {
  /** What may be under way at once (anything). */
  inFlight?: InFlightLimits
}

const UNLIMITED: InFlightLimits = { requests: Infinity, bodyBytes: Infinity }

/**
 * The HTTP API as a function from request to response. It never rejects: whatever goes wrong becomes an answer, and
 * what is a fault of ours is logged with the correlation id that the caller got.
 *
 * @example
 * const app = createServerApp(ports, { ...config.limits, requestTimeoutMs: config.http.requestTimeoutMs })
 * const response = await app.fetch(new Request('http://localhost/health'))
 */
export function createServerApp(ports: ServerPorts, options: ServerOptions): ServerApp {
  return createApp(ports, options, (app) => {
    // Within the time limit: what was answered with 504 is under way still.
    app.use(refuseOverload(ports, options.inFlight ?? UNLIMITED, options.batchBodyBytes))
    addHealthRoutes(app, ports)
    addMetricsRoute(app, ports)
    addPublishRoutes(app, ports, options)
    addCloudEventRoutes(app, ports, options)
    addProcessedRoutes(app, ports)
    addTestEventRoute(app, ports)
    addSettingsRoutes(app, ports, options)
    addAdminRoutes(app, ports, options)
    addDocumentRoutes(app, ports)
    addTokenKeysRoute(app, ports)
    addMonitoringRoutes(app, ports)
    addLiveEvents(app, ports)
    addAppRoutes(app, ports.app, options)
  })
}

/** The same for a port of its own that only those reach who watch the service: health and metrics. */
export function createMetricsApp(ports: ServerPorts, options: AppOptions): ServerApp {
  return createApp(ports, options, (app) => {
    addHealthRoutes(app, ports, { health: '/health', ready: '/health/ready', metrics: '/metrics' })
    addMetricsRoute(app, ports)
  })
}

function createApp(ports: ServerPorts, options: AppOptions, addRoutes: (app: ServerApp) => void): ServerApp {
  const app: ServerApp = new OpenAPIHono<ServerEnv>({
    router: new SplitRouter(['/api/admin/', ...parameterPrefixes(ports.app?.routes)]),
  })
  const clients = clientAddress(options.trustedProxies ?? [])
  app.use(envelope(ports, clients), gate(ports, clients), timeLimit(options.requestTimeoutMs))
  addRoutes(app)
  refuseOtherMethods(app)
  app.notFound((c) => problemResponse(notFound(c.req.path)))
  app.onError((error, c) => {
    const response = problemResponse(error)
    if (response.status === 500) {
      const { method, path } = c.req
      const caller = c.get('caller')?.name
      const fields = { error, method, path, caller, correlationId: c.get('correlationId') }
      ;(ports.log ?? noLog).error(fields, 'A request failed')
    }
    return response
  })
  return app
}

const notFound = (path: string) =>
  new HttpError('NOT_FOUND', `there is nothing at ${path.slice(0, 200)}; /openapi.json lists what there is`)

/** Comes after all routes, so that it is reached only where the path is known and the method is not. */
function refuseOtherMethods(app: ServerApp): void {
  const methods = new Map<string, string[]>()
  for (const { method, path } of app.routes) {
    if (method !== 'ALL') methods.set(path, [...(methods.get(path) ?? []), method])
  }
  for (const [path, known] of methods) {
    const allow = known.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ')
    app.all(path, (c) => {
      throw new HttpError('METHOD_NOT_ALLOWED', `${c.req.method} is not for ${path}; use ${allow}`, {
        headers: { allow },
      })
    })
  }
}
