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
export interface Endpoint<
  Q extends z.ZodObject,
  H extends z.ZodObject,
  B extends z.ZodType,
  P extends z.ZodObject = z.ZodObject,
> {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  /** With `{name}` for what is in `params`. */
  path: string
  tag: string
  summary: string
  /** What the caller must be allowed to do; health, metrics and documents are for everybody. */
  scope?: Scope
  /** It hands the correlation id on by itself, so that it need not be in the air, which is dear. */
  correlates?: true
  params?: P
  query?: Q
  headers?: H
  /** `optional`: where there is none, it is as if it were `{}`. */
  body?: EndpointBody<B>
  /** What it answers, by status; problems aside, which all routes answer alike. */
  answers: Record<number, { description: string; schema?: z.ZodType }>
}

/** JSON; or what `read` makes of other types, `media` with what is to be known of them. */
interface EndpointBody<B extends z.ZodType> {
  schema: B
  limitBytes: number
  jsonDepth?: number
  optional?: true
  read?: (c: Context<ServerEnv>) => Promise<unknown>
  media?: Readonly<Record<string, z.ZodType>>
}

export interface Input<
  Q extends z.ZodObject,
  H extends z.ZodObject,
  B extends z.ZodType,
  P extends z.ZodObject = z.ZodObject,
> {
  params: z.output<P>
  query: z.output<Q>
  headers: z.output<H>
  body: z.output<B>
  /** The body as it came, before its schema made something of it. */
  received: unknown
}

/**
 * Adds a route and its documentation. What comes with the request is checked first; the handler gets what the schemas
 * made of it. (The library's own validators read bodies without a limit, so they are not used.)
 */
export function addEndpoint<
  Q extends z.ZodObject,
  H extends z.ZodObject,
  B extends z.ZodType,
  P extends z.ZodObject,
>(
  app: ServerApp,
  endpoint: Endpoint<Q, H, B, P>,
  handle: (c: Context<ServerEnv>, input: Input<Q, H, B, P>) => Response | Promise<Response>,
): void {
  app.openAPIRegistry.registerPath(documentation(endpoint))
  const { scope, body } = endpoint
  const params = namedChecker(endpoint.params, 'the path')
  const query = namedChecker(endpoint.query, 'the query')
  const headers = namedChecker(endpoint.headers, 'the headers')
  const route = endpoint.path.replace(/\{(\w+)\}/g, ':$1')
  app.on(endpoint.method, route, async (c) => {
    c.set('route', route)
    if (scope) c.get('authorize')(scope)
    const named = {
      params: params((name) => inPath(c, name)),
      query: query((name) => queried(c, name)),
      headers: headers((name) => c.req.header(name)),
    }
    const received = body && (await receive(c, body))
    const input = { ...named, received, body: body && check(body.schema, received, 'the body') }
    const run = () => handle(c, input as Input<Q, H, B, P>)
    return endpoint.correlates ? run() : correlated(c.get('correlationId'), run)
  })
}

type AnyEndpoint = Endpoint<z.ZodObject, z.ZodObject, z.ZodType>

const DEFAULT_JSON_DEPTH = 64

async function receive(
  c: Context<ServerEnv>,
  { limitBytes, jsonDepth = DEFAULT_JSON_DEPTH, optional, read }: NonNullable<AnyEndpoint['body']>,
): Promise<unknown> {
  if (optional && hasNoBody(c)) return {}
  c.set('receiving', true)
  const received = read ? await read(c) : await readJson(c, { bytes: limitBytes, depth: jsonDepth })
  c.set('receiving', false)
  return received
}

const hasNoBody = ({ req }: Context): boolean =>
  req.header('content-type') === undefined &&
  req.header('transfer-encoding') === undefined &&
  (req.header('content-length') ?? '0') === '0'

/** A part of the path as it was meant. What can't be decoded would be handed on as it came, which is another name. */
function inPath(c: Context<ServerEnv>, name: string): string | undefined {
  try {
    decodeURIComponent(new URL(c.req.url).pathname)
  } catch {
    throw new HttpError('REQUEST_INVALID', 'the path is no UTF-8 in percent-encoding; encode the names in it')
  }
  return c.req.param(name)
}

/** Checks what is given by name: in the query or in the headers. */
function namedChecker(schema: z.ZodObject | undefined, what: string) {
  if (!schema) return () => undefined
  const names = Object.keys(schema.shape)
  const ofNone = schema.safeParse({})
  return (read: (name: string) => string | undefined): unknown => {
    const given = names.map((name) => [name, read(name)] as const)
    // As most requests are: what the schema makes of nothing is always the same.
    if (ofNone.success && given.every(([, value]) => value === undefined)) return ofNone.data
    return check(schema, Object.fromEntries(given), what)
  }
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
  // Without options first: with any, the library leaves its quick way, and most that comes is good.
  const result = schema.safeParse(value)
  return result.success ? result.data : refuse(schema, value, what)
}

function refuse(schema: z.ZodType, value: unknown, what: string): never {
  const { issues } = schema.safeParse(value, { error: wordsFor }).error!
  const faults = issues.map(({ path, message }) => ({ path: cut(path.join('.')), message: cut(message) }))
  if (issues.every((issue) => issue.code === 'custom' && issue.params?.['code'] === 'NAME_INVALID')) {
    throw new InvalidError('NAME_INVALID', `${what} holds a name that is not allowed`, faults)
  }
  throw new HttpError('REQUEST_INVALID', `${what} does not fit: ${summarize(faults)}`, { issues: faults })
}

const wordsFor: z.core.$ZodErrorMap = ({ input }) => (input === undefined ? 'is required' : undefined)

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

function documentation<
  Q extends z.ZodObject,
  H extends z.ZodObject,
  B extends z.ZodType,
  P extends z.ZodObject,
>(endpoint: Endpoint<Q, H, B, P>): RouteConfig {
  const { method, path, tag, summary, scope, params, query, headers, body } = endpoint
  const answers = Object.entries(endpoint.answers).map(([status, { description, schema }]) => [
    status,
    { description, ...(schema && { content: { 'application/json': { schema } } }) },
  ])
  const media = body && Object.entries(body.media ?? { 'application/json': body.schema })
  const content = media && Object.fromEntries(media.map(([type, schema]) => [type, { schema }]))
  return {
    method,
    path,
    tags: [tag],
    summary,
    ...(scope && { security: credentialsWith(scope) }),
    request: {
      ...(params && { params }),
      ...(query && { query }),
      ...(headers && { headers }),
      ...(content && { body: { content, required: !body.optional } }),
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
