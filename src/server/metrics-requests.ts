import type { MiddlewareHandler } from 'hono'
import { routePath } from 'hono/route'
import type { ServerEnv } from './envelope.ts'
import type { ServerPorts } from './ports.ts'

/** What a route can be made for; a client may write anything there. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** Tells how long each request took. By the pattern of its route, since there are as many paths as clients like. */
export function measured({ observeRequest }: ServerPorts): MiddlewareHandler<ServerEnv> {
  return async (c, next) => {
    if (!observeRequest) return next()
    const since = performance.now()
    await next()
    const { method } = c.req
    const route = routePath(c, -1)
    observeRequest(
      {
        method: METHODS.has(method) ? method : 'other',
        // Where nothing was found, the last that matched is what stands before every route.
        route: route === '/*' || route === '*' ? 'unknown' : route,
        status: String(c.res.status),
      },
      (performance.now() - since) / 1_000,
    )
  }
}
