import type { OpenAPIHono, RouteConfig, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Scope } from '../core/access.ts'
import { correlated } from '../core/correlation.ts'
import { InvalidError, type Issue } from '../core/errors.ts'
import { readJson } from './body.ts'
import type { ServerEnv } from './server-env.ts'
import { HttpError } from './http-error.ts'
import { ProblemSchema } from './schemas.ts'

export type ServerApp = OpenAPIHono<ServerEnv>

/** One route: what it takes and answers, for its documentation and for the checks before its handler. */
export interface Endpoint<Q extends z.ZodObject, H extends z.ZodObject, B extends z.ZodType> {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  path: string
  tag: string
  summary: string
  /** What the caller must be allowed to do; health, metrics and documents are for everybody. */
  scope?: Scope
  /** It hands the correlation id on by itself, so that it need not be in the air, which is dear. */
  correlates?: true
  query?: Q
  headers?: H
  body?: { schema: B; limitBytes: number; jsonDepth?: number }
  /** What it answers, by status; problems aside, which all routes answer alike. */
  answers: Record<number, { description: string; schema?: z.ZodType }>
}

export interface Input<Q extends z.ZodObject, H extends z.ZodObject, B extends z.ZodType> {
  query: z.output<Q>
  headers: z.output<H>
  body: z.output<B>
}

/**
 * Adds a route and its documentation. What comes with the request is checked first; the handler gets what the schemas
 * made of it. (The library's own validators read bodies without a limit, so they are not used.)
 */
export function addEndpoint<Q extends z.ZodObject, H extends z.ZodObject, B extends z.ZodType>(
  app: ServerApp,
  endpoint: Endpoint<Q, H, B>,
  handle: (c: Context<ServerEnv>, input: Input<Q, H, B>) => Response | Promise<Response>,
): void {
  app.openAPIRegistry.registerPath(documentation(endpoint))
  app.on(endpoint.method, endpoint.path, async (c) => {
    const { scope, query, headers, body } = endpoint
    if (scope) c.get('authorize')(scope)
    const input = {
      query: checkNamed(query, (name) => queried(c, name), 'the query'),
      headers: checkNamed(headers, (name) => c.req.header(name), 'the headers'),
      body: body && check(body.schema, await receive(c, body), 'the body'),
    }
    const run = () => handle(c, input as Input<Q, H, B>)
    return endpoint.correlates ? run() : correlated(c.get('correlationId'), run)
  })
}

const DEFAULT_JSON_DEPTH = 64

async function receive(
  c: Context<ServerEnv>,
  { limitBytes, jsonDepth = DEFAULT_JSON_DEPTH }: { limitBytes: number; jsonDepth?: number },
): Promise<unknown> {
  c.set('receiving', true)
  const json = await readJson(c.req.raw, { bytes: limitBytes, depth: jsonDepth })
  c.set('receiving', false)
  return json
}

function checkNamed(
  schema: z.ZodObject | undefined,
  read: (name: string) => string | undefined,
  what: string,
): unknown {
  if (!schema) return undefined
  const named = Object.keys(schema.shape).map((name) => [name, read(name)])
  return check(schema, Object.fromEntries(named), what)
}

/** Taking one of several would be another request than whoever stands between us and the client may have seen. */
function queried(c: Context<ServerEnv>, name: string): string | undefined {
  const [value, second] = c.req.queries(name) ?? []
  if (second === undefined) return value
  throw new HttpError('REQUEST_INVALID', `the query has ${name} twice; give it once`, {
    issues: [{ path: name, message: 'is given twice; give it once' }],
  })
}

function check(schema: z.ZodType, value: unknown, what: string): unknown {
  const result = schema.safeParse(value, {
    error: (issue) => (issue.input === undefined ? 'is required' : undefined),
  })
  if (result.success) return result.data
  const { issues } = result.error
  const faults = issues.map(({ path, message }) => ({ path: cut(path.join('.')), message: cut(message) }))
  if (issues.every((issue) => issue.code === 'custom' && issue.params?.['code'] === 'NAME_INVALID')) {
    throw new InvalidError('NAME_INVALID', `${what} holds a name that is not allowed`, faults)
  }
  throw new HttpError('REQUEST_INVALID', `${what} does not fit: ${summarize(faults)}`, { issues: faults })
}

/** Names of unknown fields stand in messages, and are as long as the client likes. */
const MAX_SHOWN_LENGTH = 300
const cut = (text: string): string => text.slice(0, MAX_SHOWN_LENGTH)

const SUMMARIZED = 5

function summarize(faults: readonly Issue[]): string {
  const shown = faults
    .slice(0, SUMMARIZED)
    .map(({ path, message }) => (path ? `${path} ${message}` : message))
  const more = faults.length - shown.length
  return shown.join('; ') + (more > 0 ? `; and ${more} more` : '')
}

function documentation<Q extends z.ZodObject, H extends z.ZodObject, B extends z.ZodType>(
  endpoint: Endpoint<Q, H, B>,
): RouteConfig {
  const { method, path, tag, summary, scope, query, headers, body } = endpoint
  const answers = Object.entries(endpoint.answers).map(([status, { description, schema }]) => [
    status,
    { description, ...(schema && { content: { 'application/json': { schema } } }) },
  ])
  const content = body && { 'application/json': { schema: body.schema } }
  return {
    method,
    path,
    tags: [tag],
    summary,
    ...(scope && { security: credentialsWith(scope) }),
    request: {
      ...(query && { query }),
      ...(headers && { headers }),
      ...(content && { body: { content, required: true } }),
    },
    responses: { ...Object.fromEntries(answers), default: PROBLEM_ANSWER },
  }
}

const PROBLEM_ANSWER = {
  description: 'What went wrong, as a problem (RFC 9457)',
  content: { 'application/problem+json': { schema: ProblemSchema } },
}

/** Either of them, with that scope (or `admin`). */
const credentialsWith = (scope: Scope): Record<string, string[]>[] =>
  Object.keys(CREDENTIALS).map((name) => ({ [name]: [scope] }))

/** How a caller can say who it is, for the documentation. */
export const CREDENTIALS = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description: 'An API key (`mr_…`), or a token (JWT) of a service',
  },
  apiKey: { type: 'apiKey', in: 'header', name: 'X-Api-Key', description: 'An API key (`mr_…`)' },
} as const
