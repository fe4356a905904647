import type { StandardSchemaV1 } from '@standard-schema/spec'
import { LONGEST_TIMER_MS } from '../core/require-counts.ts'
import { collectIssues, InvalidError, type Issue } from '../core/errors.ts'
import { checkName } from '../core/names.ts'
import { isReservedName } from '../core/reserved-names.ts'
import { isSchema, type Schema } from '../core/schema.ts'
import { RpcError } from './rpc-error.ts'

/**
 * How a request is answered: by `one` reply of one responder, by many `parts` of one responder, or by each responder there
 * is (`all`).
 */
export type Answer = 'one' | 'parts' | 'all'

/** The codes that a handler may fail with, each with the schema of its data. */
export type ErrorSchemas = Readonly<Record<string, Schema>>

export interface ContractOptions<
  Request extends Schema,
  Reply extends Schema,
  Errors extends ErrorSchemas,
  A extends Answer,
> {
  /** The stream of the requests. It holds those that are not answered yet, and nothing else may be published to it. */
  stream: string
  request: Request
  /** Of one reply; where there are many parts, of each. */
  reply: Reply
  errors?: Errors
  /** `one` unless told otherwise. */
  answer?: A
  /**
   * Takes the replies to requests that were written by hand, without `replyTo`: `<stream>-replies`. It holds about the
   * last 20000.
   */
  replies?: string
  /** How long a requester waits for the end of the answer, in ms (30000), unless it says otherwise. */
  timeout?: number
}

const DEFAULT_TIMEOUT_MS = 30_000
const ANSWERS: ReadonlySet<unknown> = new Set(['one', 'parts', 'all'])
/** What Millrace says itself. */
const OUR_CODES = /^(RPC_|EVENT_)/

/** What requesters and responders agree on. */
export class Contract<
  Request extends Schema = Schema,
  Reply extends Schema = Schema,
  Errors extends ErrorSchemas = ErrorSchemas,
  A extends Answer = Answer,
> {
  /** Also the name of the group through which responders take requests. */
  readonly name: string
  readonly stream: string
  readonly request: Request
  readonly reply: Reply
  readonly errors: Errors
  readonly answer: A
  readonly replies: string
  readonly timeout: number

  constructor(name: string, options: ContractOptions<Request, Reply, Errors, A>) {
    const { stream, request, reply, errors, answer, replies, timeout } = options
    this.name = name
    this.stream = stream
    this.request = request
    this.reply = reply
    this.errors = Object.freeze({ ...errors }) as Errors
    this.answer = answer ?? ('one' as A)
    this.replies = replies ?? `${stream}-replies`
    this.timeout = timeout ?? DEFAULT_TIMEOUT_MS
    Object.freeze(this)
  }

  /**
   * An error for a handler to throw. Its message reaches the requester, unlike that of any other error.
   *
   * @example
   * throw weather.error('CITY_UNKNOWN', { city }, `there is no city ${city}`)
   */
  error<Code extends keyof Errors & string>(
    code: Code,
    data: StandardSchemaV1.InferInput<Errors[Code]>,
    message?: string,
  ): RpcError<Code, StandardSchemaV1.InferInput<Errors[Code]>> {
    return new RpcError(code, data, message)
  }

  /**
   * Whether a request failed with this error of the contract; its `data` is typed then.
   *
   * @example
   * if (weather.isError(error, 'CITY_UNKNOWN')) console.log(error.data.city)
   */
  isError<Code extends keyof Errors & string>(
    error: unknown,
    code: Code,
  ): error is RpcError<Code, StandardSchemaV1.InferOutput<Errors[Code]>> {
    return error instanceof RpcError && error.code === code && Object.hasOwn(this.errors, code)
  }
}

/** What a requester passes. */
export type RequestIn<C extends Contract> = StandardSchemaV1.InferInput<C['request']>
/** What a handler gets. */
export type RequestOut<C extends Contract> = StandardSchemaV1.InferOutput<C['request']>
/** What a handler answers. */
export type ReplyIn<C extends Contract> = StandardSchemaV1.InferInput<C['reply']>
/** What a requester gets. */
export type ReplyOut<C extends Contract> = StandardSchemaV1.InferOutput<C['reply']>

export type ContractOf<A extends Answer> = Contract<Schema, Schema, ErrorSchemas, A>

/**
 * Declares what may be asked and answered over a stream of requests, with any Standard Schema validator.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every mistake
 * @example
 * const weather = rpc('weather', {
 *   stream: 'weather-requests',
 *   request: z.object({ city: z.string() }),
 *   reply: z.object({ temperature: z.number() }),
 *   errors: { CITY_UNKNOWN: z.object({ city: z.string() }) },
 * })
 * await bus.reply(weather, { terminals: 5 }, ({ city }) => ({ temperature: forecast(city) }))
 * const { temperature } = await bus.request(weather, { city: 'New York' }, { timeout: 5_000 })
 */
export function rpc<
  Request extends Schema,
  Reply extends Schema,
  const Errors extends ErrorSchemas = {},
  const A extends Answer = 'one',
>(name: string, options: ContractOptions<Request, Reply, Errors, A>): Contract<Request, Reply, Errors, A> {
  const contract = new Contract(name, options)
  const issues = issuesOf(contract)
  if (issues.length > 0)
    throw new InvalidError(
      'CONFIGURATION_INVALID',
      `the contract ${JSON.stringify(name)} can't be used`,
      issues,
    )
  return contract
}

function issuesOf({ name, stream, request, reply, errors, answer, replies, timeout }: Contract): Issue[] {
  const issues: Issue[] = []
  const refuse = (path: string, message: string) => void issues.push({ path, message })
  collectIssues(issues, () => checkName('name', name), 'name')
  for (const [path, value] of Object.entries({ stream, replies })) {
    collectIssues(issues, () => checkName(path, value), path)
    if (typeof value === 'string' && isReservedName(value))
      refuse(path, 'is a name that Millrace keeps for itself')
  }
  if (stream === replies) refuse('replies', 'must be another stream than that of the requests')
  const noSchema = 'must be a Standard Schema validator (zod, valibot, arktype, …)'
  for (const [path, schema] of Object.entries({ request, reply }))
    if (!isSchema(schema)) refuse(path, noSchema)
  for (const [code, schema] of Object.entries(errors)) {
    if (!isSchema(schema)) refuse(`errors.${code}`, noSchema)
    if (OUR_CODES.test(code)) refuse(`errors.${code}`, 'must not begin as the codes of Millrace do')
  }
  if (!ANSWERS.has(answer)) refuse('answer', `must be "one", "parts" or "all", not ${JSON.stringify(answer)}`)
  if (!isTimeout(timeout))
    refuse('timeout', `must be a number of ms from 1 to ${LONGEST_TIMER_MS}, not ${timeout}`)
  return issues
}

export const isTimeout = (ms: unknown): ms is number =>
  typeof ms === 'number' && ms >= 1 && ms <= LONGEST_TIMER_MS

/** @throws InvalidError `CONFIGURATION_INVALID` */
export function checkTimeout(timeout: number): void {
  if (isTimeout(timeout)) return
  const message = `must be a number of ms from 1 to ${LONGEST_TIMER_MS}, not ${String(timeout)}`
  throw new InvalidError('CONFIGURATION_INVALID', 'the request can not be made like this', [
    { path: 'timeout', message },
  ])
}
