import { z } from 'zod'
import { SCOPES, type Scope } from '../core/access.ts'
import type { AppContext } from '../core/app-context.ts'
import { InvalidError, type Issue } from '../core/errors.ts'
import { ROUTE_METHODS, type RouteDeclaration, type RouteMethod, type RouteRequest } from '../core/route.ts'

/** What a route takes and answers: method and path, with `:name` for a part that is a parameter. */
export type RouteLine = `${RouteMethod} /${string}`

/** By status, each with the schema of its body; null where there is none. */
export type Answers = Readonly<Record<number, z.ZodType | null>>

export interface RouteOptions<
  P extends z.ZodObject,
  Q extends z.ZodObject,
  H extends z.ZodObject,
  B extends z.ZodType,
  A extends Answers,
> {
  /** What it does, for the documentation. */
  summary: string
  /** Under which the documentation shows it (`App`). */
  tag?: string
  /** What the caller must be allowed to do: `read` for GET, else `publish`; null lets everybody in. */
  scope?: Scope | null
  /** For each parameter of the path (any text); all that comes is text. */
  params?: P
  /** What it reads of the query; what else stands there is ignored. All that comes is text. */
  query?: Q
  headers?: H
  /** Of a body in JSON, no larger than `MAX_BODY_BYTES`. Without it no body is read. */
  body?: B
  /**
   * Takes an `Idempotency-Key`, for 10 minutes (off): a repeat gets the same answer and does nothing; 409 while the first
   * runs, 422 for another request under the key. Where the first failed, or its process died, a repeat runs again, and what
   * was published by `publish` or committed by `transaction` stays as it is. So a handler has to take the same steps in the
   * same order, make what it publishes of the request alone (`requestId` for a new id), and answer JSON from transactions.
   */
  idempotent?: boolean
  /** How long a request may take before it is answered with 504, in ms (`REQUEST_TIMEOUT_MS`); at most an hour. */
  timeoutMs?: number
  /**
   * The successful ones: the types of what the handler answers, and the documentation, with the description and the
   * example that a schema has. What the handler answers is not checked against them.
   */
  answers: A
}

/** What a handler may answer. (A conditional type would widen its literals, such as `success: true`, to `boolean`.) */
export type AnswerOf<A extends Answers> =
  | { [S in keyof A & number]: Headed<S> & { readonly body: NonNullable<A[S]>['_zod']['output'] } }[keyof A &
      number]
  | (Headed<Bodiless<A>> & { readonly body?: undefined })
type Bodiless<A extends Answers> = { [S in keyof A & number]: A[S] extends null ? S : never }[keyof A &
  number]
interface Headed<Status> {
  readonly status: Status
  readonly headers?: Readonly<Record<string, string>>
}

type Named<Line extends string> = Line extends `${string}/:${infer Name}/${infer Rest}`
  ? Name | Named<`/${Rest}`>
  : Line extends `${string}/:${infer Name}`
    ? Name
    : never
type TextParams<Line extends string> = z.ZodObject<{ [K in Named<Line>]: z.ZodString }>
type Nothing = z.ZodObject<Record<never, never>>

/**
 * Declares a route of the app's own HTTP API, in front of which everything stands that stands in front of the service's
 * own: access, limits, time. What comes is checked by the schemas (zod), and the handler gets what they made of it. What
 * it throws as `HttpProblem` is answered as that; an event that does not fit as 400 with the fields at fault; a server
 * that is away as 503; anything else as 500, of which the caller sees no more than the correlation id.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every mistake
 * @example
 * const getUser = route('GET /api/users/:id', {
 *   summary: 'One user',
 *   params: z.object({ id: z.uuid() }),
 *   answers: { 200: z.object({ success: z.literal(true), user: User }) },
 * }, async ({ params: { id } }, { query }) => {
 *   const { rows: [user] } = await query<User>('SELECT * FROM users WHERE id = $1', [id])
 *   if (!user) throw new HttpProblem(404, `there is no user ${id}`)
 *   return { status: 200, body: { success: true, user } }
 * })
 */
export function route<
  const L extends RouteLine,
  const A extends Answers,
  P extends z.ZodObject = TextParams<L>,
  Q extends z.ZodObject = Nothing,
  H extends z.ZodObject = Nothing,
  B extends z.ZodType = z.ZodUndefined,
>(
  line: L,
  options: RouteOptions<P, Q, H, B, A>,
  handle: (
    request: RouteRequest<z.output<P>, z.output<Q>, z.output<H>, z.output<B>>,
    context: AppContext,
  ) => Promise<AnswerOf<NoInfer<A>>>,
): RouteDeclaration {
  const parsed = parseLine(line)
  const issues = [
    ...parsed.issues,
    ...optionIssues(options, parsed.names),
    ...runIssues(options, parsed.method),
  ]
  if (typeof handle !== 'function') issues.push({ path: 'handle', message: 'must be a function' })
  if (issues.length > 0)
    throw new InvalidError(
      'CONFIGURATION_INVALID',
      `the route ${JSON.stringify(line)} can't be served`,
      issues,
    )
  const { method, path, names } = parsed
  const {
    summary,
    tag = 'App',
    params,
    query,
    headers,
    body,
    idempotent = false,
    timeoutMs,
    answers,
  } = options
  const scope = options.scope === undefined ? standardScope(method) : (options.scope ?? undefined)
  return Object.freeze({
    method,
    path,
    tag,
    summary,
    scope,
    params: params ?? textParams(names),
    query,
    headers,
    body,
    idempotent,
    timeoutMs,
    answers,
    handle: handle as unknown as RouteDeclaration['handle'],
  })
}

const standardScope = (method: RouteMethod): Scope => (method === 'GET' ? 'read' : 'publish')

const textParams = (names: readonly string[]): z.ZodObject | undefined =>
  names.length === 0 ? undefined : z.object(Object.fromEntries(names.map((name) => [name, z.string()])))

const PART = /^(?:[\w.~-]+|:[A-Za-z_]\w*)$/

function parseLine(line: unknown) {
  const [method = '', path = '', ...rest] = typeof line === 'string' ? line.split(' ') : []
  const issues: Issue[] = []
  if (!(ROUTE_METHODS as readonly string[]).includes(method) || rest.length > 0)
    issues.push({ path: 'method', message: `must be ${ROUTE_METHODS.join(', ')}, then a space and the path` })
  const parts = path.split('/').slice(1)
  const names = parts.filter((part) => part.startsWith(':')).map((part) => part.slice(1))
  if (!path.startsWith('/') || !parts.every((part) => PART.test(part)))
    issues.push({
      path: 'path',
      message: `must be such as /api/users/:id, with letters, digits and . _ ~ - in its parts, not ${JSON.stringify(path)}`,
    })
  if (new Set(names).size < names.length)
    issues.push({ path: 'path', message: 'has two parameters of one name' })
  return { method: method as RouteMethod, path, names, issues }
}

type Given = Partial<
  Record<'summary' | 'tag' | 'scope' | 'params' | 'query' | 'headers' | 'body' | 'answers', unknown>
>

function optionIssues(given: Given, names: readonly string[]): Issue[] {
  const issues: Issue[] = []
  const require = (path: string, holds: boolean, wanted: string) => {
    if (!holds) issues.push({ path, message: `must be ${wanted}` })
  }
  const { summary, tag, scope, params, query, headers, body, answers } = given
  require('summary', typeof summary === 'string' &&
    summary !== '', 'a sentence that says what the route does')
  require('tag', tag === undefined || (typeof tag === 'string' && tag !== ''), 'a text')
  const scopes: readonly unknown[] = [undefined, null, ...SCOPES]
  require('scope', scopes.includes(scope), `${SCOPES.join(', ')}, or null for everybody`)
  for (const [path, schema] of Object.entries({ params, query, headers }))
    require(path, schema === undefined || isZodObject(schema), 'an object of zod, such as z.object({ … })')
  require('body', body === undefined || isZod(body), 'a schema of zod')
  if (isZodObject(params)) issues.push(...paramIssues(Object.keys(params.shape), names))
  return [...issues, ...answerIssues(answers)]
}

const MAX_TIMEOUT_MS = 3_600_000

function runIssues(
  { idempotent, timeoutMs, headers }: Partial<Record<'idempotent' | 'timeoutMs' | 'headers', unknown>>,
  method: RouteMethod,
): Issue[] {
  const issues: Issue[] = []
  const refuse = (path: string, message: string) => issues.push({ path, message })
  if (idempotent !== undefined && typeof idempotent !== 'boolean')
    refuse('idempotent', 'must be true or false')
  if (idempotent === true && method === 'GET')
    refuse('idempotent', 'is nothing for GET, which may be repeated anyway')
  if (idempotent === true && isZodObject(headers) && takesKey(headers))
    refuse('headers', 'must not have Idempotency-Key, which an idempotent route takes by itself')
  if (timeoutMs !== undefined && !(Number.isInteger(timeoutMs) && isWithin(timeoutMs as number)))
    refuse('timeoutMs', `must be a whole number from 1 to ${MAX_TIMEOUT_MS}`)
  return issues
}

const isWithin = (ms: number): boolean => ms >= 1 && ms <= MAX_TIMEOUT_MS
const takesKey = ({ shape }: z.ZodObject): boolean =>
  Object.keys(shape).some((name) => name.toLowerCase() === 'idempotency-key')

function paramIssues(declared: readonly string[], names: readonly string[]): Issue[] {
  const missing = names.filter((name) => !declared.includes(name))
  const unknown = declared.filter((name) => !names.includes(name))
  return [
    ...missing.map((name) => ({ path: `params.${name}`, message: `is missing: the path has :${name}` })),
    ...unknown.map((name) => ({ path: `params.${name}`, message: 'stands nowhere in the path' })),
  ]
}

function answerIssues(answers: unknown): Issue[] {
  const all = typeof answers === 'object' && answers !== null ? Object.entries(answers) : []
  if (all.length === 0)
    return [
      {
        path: 'answers',
        message: 'must have a schema, or null for no body, by status, such as { 204: null }',
      },
    ]
  return all.flatMap(([status, schema]) => {
    const path = `answers.${status}`
    if (!/^[23]\d\d$/.test(status))
      return [{ path, message: 'must be a status from 200 to 399; errors are thrown as HttpProblem' }]
    return schema === null || isZod(schema) ? [] : [{ path, message: 'must be a schema of zod, or null' }]
  })
}

/** Also of another copy of zod than ours. */
const isZod = (value: unknown): value is z.ZodType =>
  typeof (value as Partial<z.ZodType> | null | undefined)?.safeParse === 'function'

const isZodObject = (value: unknown): value is z.ZodObject =>
  isZod(value) && typeof (value as Partial<z.ZodObject>).shape === 'object'
