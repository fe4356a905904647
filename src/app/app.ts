import { groupHandler, type GroupOptions as BusGroupOptions } from '../bus/group-handler.ts'
import type { HandlerKey, Handlers } from '../bus/handlers.ts'
import type { Handler } from '../core/delivery.ts'
import { InvalidError, MillraceError, type Issue } from '../core/errors.ts'
import type { Metric } from '../core/metric.ts'
import { checkFunctions, type PublishMiddleware } from '../core/pipeline.ts'
import { resolveRetention, type RetentionPolicy } from '../core/retention-policy.ts'
import type { Schemas, StreamDeclaration, TypeOf } from '../core/stream.ts'
import type { JobDeclaration } from '../schedule/job.ts'
import { refuseTwice as refuseJobsTwice } from '../schedule/unique-names.ts'
import type { WorkerOptions } from '../worker/worker-options.ts'

/** A group of an app: which stream it consumes, how, and with what. */
export interface GroupDeclaration {
  readonly stream: string
  readonly options: Omit<WorkerOptions, 'stream' | 'handler'>
  readonly handler: Handler
}

/** The service gives each consumer its name, its log and its audit trail. */
export type GroupOptions = Omit<BusGroupOptions, 'consumer' | 'audit' | 'log'>

/** What is kept of a stream; the groups of the app count as declared. */
export interface StreamRetention {
  readonly stream: string
  readonly policy: RetentionPolicy
}

/** What the service does: the streams it knows, the groups and jobs it runs, and what it keeps. */
export interface App {
  readonly streams: readonly StreamDeclaration[]
  /** The first group of a stream is its main one: it decides when the audit trail calls an entry processed. */
  readonly handlers: readonly GroupDeclaration[]
  readonly jobs: readonly JobDeclaration[]
  /** What everything goes through that the service publishes, such as encryption. */
  readonly middleware: readonly PublishMiddleware[]
  readonly retention: readonly StreamRetention[]
  /** What the service shows at /metrics beside its own, such as what `counter` made. */
  readonly metrics: readonly Metric[]
  /**
   * Fields with personal data, which no line of the log shows: names (`email`) wherever they stand, and paths
   * (`user.phone`) from whatever has the first of their names.
   */
  readonly personalFields: readonly string[]
}

/**
 * Declares a group with typed handlers.
 *
 * @example
 * const mailer = handle(users, { group: 'mailer' }, { 'user.created': async ({ event }) => send(event.data.email) })
 */
export function handle<S extends Schemas, K extends HandlerKey<S> = TypeOf<S> | '*'>(
  stream: StreamDeclaration<S>,
  options: GroupOptions,
  handlers: Handlers<S, K>,
): GroupDeclaration {
  const { handler, workerOptions } = groupHandler(stream, options, handlers)
  return { stream: stream.name, options: workerOptions, handler }
}

/**
 * Declares an app module, for `millrace serve` to run.
 *
 * @throws MillraceError `CONFIGURATION_INVALID` when a part is no list, or none of an app; when one stream, group, metric or
 *   job is declared twice, or retention is impossible
 */
export function defineApp(app: Partial<App>): App {
  checkParts(app)
  const { streams = [], handlers = [], jobs = [], middleware = [], retention = [] } = app
  const { metrics = [], personalFields = [] } = app
  refuseTwice(
    'stream',
    streams.map(({ name }) => quote(name)),
  )
  refuseTwice(
    'group',
    handlers.map(({ stream, options: { group } }) => `${quote(group)} on ${quote(stream)}`),
  )
  refuseTwice(
    'retention of',
    retention.map(({ stream }) => quote(stream)),
  )
  refuseTwice(
    'metric',
    metrics.map(({ name }) => quote(name)),
  )
  refuseJobsTwice(jobs)
  for (const declaration of retention) resolveRetention(declaration)
  checkFunctions('middleware', middleware)
  checkPersonalFields(personalFields)
  return { streams, handlers, jobs, middleware, retention, metrics, personalFields }
}

const PARTS: readonly string[] = [
  'streams',
  'handlers',
  'jobs',
  'middleware',
  'retention',
  'metrics',
  'personalFields',
] satisfies (keyof App)[]

/** No compiler looks at an app module in JavaScript: a part by another name would be left out without a word. */
function checkParts(app: Readonly<Record<string, unknown>>): void {
  const issues: Issue[] = []
  for (const [path, part] of Object.entries(app)) {
    if (!PARTS.includes(path))
      issues.push({ path, message: `is no part of an app; wanted: ${PARTS.join(', ')}` })
    else if (part !== undefined && !isList(part))
      issues.push({ path, message: 'must be a list of declarations' })
  }
  refuse(issues)
}

const isList = (part: unknown): boolean =>
  Array.isArray(part) && part.every((item) => item !== null && item !== undefined)

/** A mistake here would show in a log what nobody may see, so it is told at once. */
function checkPersonalFields(fields: readonly unknown[]): void {
  const issues = [...fields.entries()]
    .filter(([, field]) => typeof field !== 'string' || field.split('.').includes(''))
    .map(([index, field]) => ({
      path: `personalFields.${index}`,
      message: `must be a name or a path such as "user.phone", not ${JSON.stringify(field)}`,
    }))
  refuse(issues)
}

function refuse(issues: readonly Issue[]): void {
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'the app can not be run like this', issues)
}

/** Unambiguous, whatever a name contains. */
const quote = (name: string) => JSON.stringify(name)

function refuseTwice(what: string, names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined)
    throw new MillraceError('CONFIGURATION_INVALID', `the app declares the ${what} ${twice} twice`)
}
