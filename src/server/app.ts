import { OpenAPIHono } from '@hono/zod-openapi'
import { noLog } from '../core/service.ts'
import { addDocumentRoutes } from './document-routes.ts'
import type { ServerApp } from './endpoint.ts'
import { envelope, timeLimit, type ServerEnv } from './envelope.ts'
import { addHealthRoutes } from './health-routes.ts'
import { HttpError } from './http-error.ts'
import type { ServerPorts } from './ports.ts'
import { problemResponse } from './problem.ts'
import { addProcessedRoutes } from './processed-routes.ts'
import { addPublishRoutes, type PublishLimits } from './publish-routes.ts'

export interface ServerOptions extends PublishLimits {
  /** How long a request may take before it is answered with 504. */
  requestTimeoutMs: number
}

/**
 * The HTTP API as a function from request to response. It never rejects: whatever goes wrong becomes an answer, and
 * what is a fault of ours is logged with the correlation id that the caller got.
 *
 * @example
 * const app = createServerApp(ports, { ...config.limits, requestTimeoutMs: config.http.requestTimeoutMs })
 * const response = await app.fetch(new Request('http://localhost/health'))
 */
export function createServerApp(ports: ServerPorts, options: ServerOptions): ServerApp {
  const app: ServerApp = new OpenAPIHono<ServerEnv>()
  app.use(envelope, timeLimit(options.requestTimeoutMs))
  addHealthRoutes(app, ports)
  addPublishRoutes(app, ports, options)
  addProcessedRoutes(app, ports)
  addDocumentRoutes(app, ports)
  refuseOtherMethods(app)
  app.notFound((c) => problemResponse(notFound(c.req.path)))
  app.onError((error, c) => {
    const response = problemResponse(error)
    if (response.status === 500) {
      const fields = { error, method: c.req.method, path: c.req.path, correlationId: c.get('correlationId') }
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
