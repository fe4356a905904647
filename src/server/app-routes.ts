import { STATUS_CODES } from 'node:http'
import type { Context } from 'hono'
import { InvalidError, type Issue } from '../core/errors.ts'
import type { RouteAnswer, RouteDeclaration, RouteRequest } from '../core/route.ts'
import { answerJson, answerNothing } from './answer.ts'
import { addEndpoint, type ServerApp } from './endpoint.ts'
import { RequestSignal } from './app-request-signal.ts'
import { headersOf, identify, withoutKey } from './app-routes-repeats.ts'
import type { AppRoutes } from './ports.ts'
import type { ServerEnv } from './server-env.ts'

export interface AppRouteLimits {
  /** Largest body. */
  bodyBytes: number
  jsonDepth: number
  requestTimeoutMs: number
}

/**
 * Adds the routes of an app, like any of the service: with access, limits and documentation. Comes after all of those.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` for paths that the service has already, both named
 */
export function addAppRoutes(app: ServerApp, port: AppRoutes | undefined, limits: AppRouteLimits): void {
  if (!port) return
  refuseTaken(app, port.routes)
  for (const route of port.routes.toSorted(writtenOutFirst)) addRoute(app, port, route, limits)
}

/** What stands before the first parameter of each path that has one. */
export const parameterPrefixes = (routes: readonly RouteDeclaration[] = []): string[] => [
  ...new Set(routes.filter(({ path }) => path.includes('/:')).map(({ path }) => path.split(':')[0]!)),
]

function addRoute(app: ServerApp, port: AppRoutes, route: RouteDeclaration, limits: AppRouteLimits): void {
  const { idempotent, timeoutMs } = route
  addEndpoint(app, endpointOf(route, limits), async (c, input) => {
    if (timeoutMs !== undefined) c.get('allowMs')(timeoutMs)
    const signal = new RequestSignal(c.req.raw.signal, port.stopping, timeoutMs ?? limits.requestTimeoutMs)
    const { key, own } = idempotent ? withoutKey(input.headers) : { own: input.headers ?? {} }
    const requestAs = (requestId: string): RouteRequest => ({
      params: input.params ?? {},
      query: input.query ?? {},
      headers: own,
      body: input.body,
      caller: c.get('caller'),
      requestId,
      correlationId: c.get('correlationId'),
      get signal() {
        return signal.signal
      },
    })
    const repeatable = key === undefined ? undefined : identify(c, route, key, input.received)
    try {
      return responseOf(c, route, await port.answer(route, requestAs, repeatable))
    } finally {
      signal.end()
    }
  })
}

function endpointOf(route: RouteDeclaration, { bodyBytes: limitBytes, jsonDepth }: AppRouteLimits) {
  const { method, path, tag, summary, scope, params, query, body } = route
  const headers = headersOf(route)
  return {
    method: METHODS[method],
    path: path.replaceAll(/:(\w+)/g, '{$1}'),
    tag,
    summary,
    ...(scope && { scope }),
    ...(params && { params }),
    ...(query && { query }),
    ...(headers && { headers }),
    ...(body && { body: { schema: body, limitBytes, jsonDepth } }),
    answers: describedAnswers(route),
  }
}

const METHODS = { GET: 'get', POST: 'post', PUT: 'put', PATCH: 'patch', DELETE: 'delete' } as const

const describedAnswers = ({ answers }: RouteDeclaration) =>
  Object.fromEntries(
    Object.entries(answers).map(([status, schema]) => [
      status,
      {
        description: schema?.description ?? STATUS_CODES[status] ?? 'The answer',
        ...(schema && { schema }),
      },
    ]),
  )

/** @throws Error for what the route does not declare: a fault of the app, of which the caller sees no more */
function responseOf(
  c: Context<ServerEnv>,
  { method, path, answers }: RouteDeclaration,
  answer: RouteAnswer,
): Response {
  const { status, body, headers } = answer ?? {}
  if (!Object.hasOwn(answers, status))
    throw new Error(`${method} ${path} answered the status ${status}, which its declaration does not have`)
  if (answers[status] === null) return answerNothing(c, status, headers)
  if (body === undefined) throw new Error(`${method} ${path} answered ${status} without a body`)
  return answerJson(c, body as object, status, headers)
}

/** Of routes that fit the same request, the one that has a part written out where the other has a parameter. */
const writtenOutFirst = (one: RouteDeclaration, other: RouteDeclaration): number =>
  vagueness(one) < vagueness(other) ? -1 : 1

const vagueness = ({ path }: RouteDeclaration): string =>
  path
    .split('/')
    .map((part) => (part.startsWith(':') ? '1' : '0'))
    .join('')

/** A route that some requests for the service fit as well would take them away from it. */
function refuseTaken(app: ServerApp, routes: readonly RouteDeclaration[]): void {
  const taken = app.routes.filter(({ method, path }) => method !== 'ALL' && !path.includes('*'))
  const issues = routes.flatMap(({ method, path }): Issue[] => {
    const own = taken.find((route) => overlap(route.path, path))
    const message = `the path is that of ${own?.method} ${own?.path} of the service; choose another one`
    return own ? [{ path: `routes.${method} ${path}`, message }] : []
  })
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'the routes of the app can not be served', issues)
}

/** Whether some path fits both. */
function overlap(one: string, other: string): boolean {
  const [parts, others] = [one.split('/'), other.split('/')]
  const isParameter = (part: string) => part.startsWith(':')
  return (
    parts.length === others.length &&
    parts.every((part, index) => part === others[index] || isParameter(part) || isParameter(others[index]!))
  )
}
