import type { Context } from 'hono'
import { routePath } from 'hono/route'
import type { ServerEnv } from './server-env.ts'
import type { ServerPorts } from './ports.ts'

/** What a route can be made for; a client may write anything there. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** The pattern of its route; undefined where none matched: what is left then are the middleware, which are for every path. */
export function routeOf(c: Context<ServerEnv>): string | undefined {
  // Looking it up makes a list of all that is run for the request.
  const route = c.get('route') ?? routePath(c, -1)
  return route.includes('*') ? undefined : route
}

/** Tells the log and the metrics of a request that was answered. By its route, since there are as many paths as clients like. */
export function tellRequest(
  c: Context<ServerEnv>,
  { log, observeRequest }: Pick<ServerPorts, 'log' | 'observeRequest'>,
  durationMs: number,
): void {
  const { method, path } = c.req
  const { status } = c.res
  if (observeRequest) {
    const known = METHODS.has(method) ? method : 'other'
    observeRequest(
      { method: known, route: routeOf(c) ?? 'unknown', status: String(status) },
      durationMs / 1_000,
    )
  }
  const [caller, correlationId] = [c.get('caller')?.name, c.get('correlationId')]
  const fields = { method, path, caller, status, durationMs: Math.round(durationMs * 10) / 10, correlationId }
  log?.debug(fields, 'A request was answered')
}
