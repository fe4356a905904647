import type { PipelineDeclaration } from '../connectors/pipeline.ts'
import { collectIssues, InvalidError, type Issue } from '../core/errors.ts'
import type { Metric } from '../core/metric.ts'
import { checkFunctions, type PublishMiddleware } from '../core/pipeline.ts'
import { resolveRetention, type RetentionPolicy } from '../core/retention-policy.ts'
import type { RouteDeclaration } from '../core/route.ts'
import type { StreamDeclaration } from '../core/stream.ts'
import type { ResponderDeclaration } from '../rpc/declare-responder.ts'
import type { JobDeclaration } from '../schedule/job.ts'
import { refuseTwice as refuseJobsTwice } from '../schedule/unique-names.ts'
import type { GroupDeclaration } from './handle.ts'
import { migrationIssues, type MigrationDeclaration } from './migration.ts'

export {
  handle,
  handleBatch,
  handleOnce,
  type AppHandlers,
  type BatchGroupOptions,
  type GroupDeclaration,
  type GroupOptions,
} from './handle.ts'
export { route, type AnswerOf, type RouteLine, type RouteOptions } from './route.ts'
export type { MigrationDeclaration } from './migration.ts'

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
  /** What it answers over HTTP beside the service's own routes. */
  readonly routes: readonly RouteDeclaration[]
  /**
   * Its tables, in the order in which they are made: each step once, whatever number of instances start, after those of
   * Millrace. A step that ran never changes.
   */
  readonly migrations: readonly MigrationDeclaration[]
  /** What answers requests; one for a stream. */
  readonly rpc: readonly ResponderDeclaration[]
  /** What goes to other systems, and comes from there; the role `connector` runs it. */
  readonly pipelines: readonly PipelineDeclaration[]
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
 * Declares an app module, for `millrace serve` to run.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every mistake: a part that is no list, or none of an app; a stream,
 *   group, route, migration, responder, metric or job that is declared twice; retention that is impossible
 * @example
 * export default defineApp({
 *   streams: [users],
 *   migrations: [{ name: '001-users', sql: 'CREATE TABLE users (id uuid PRIMARY KEY, email text UNIQUE NOT NULL)' }],
 *   routes: [createUser, getUser],
 *   handlers: [handle(users, { group: 'mailer' }, { 'user.created': ({ event }) => welcome(event.data.email) })],
 * })
 */
export function defineApp(app: Partial<App>): App {
  refuse(partIssues(app))
  const given = Object.entries(app).filter(([, part]) => part !== undefined)
  const whole: App = { ...NOTHING, ...Object.fromEntries(given) }
  const issues = shapeIssues(whole)
  // What has another shape has no name to compare.
  refuse(issues.length > 0 ? issues : [...twiceIssues(whole), ...othersIssues(whole)])
  return whole
}

/** An app that does nothing: what is not declared is as it stands here. */
const NOTHING: App = {
  streams: [],
  handlers: [],
  routes: [],
  migrations: [],
  rpc: [],
  pipelines: [],
  jobs: [],
  middleware: [],
  retention: [],
  metrics: [],
  personalFields: [],
}

/** No compiler looks at an app module in JavaScript: a part by another name would be left out without a word. */
function partIssues(app: Readonly<Record<string, unknown>>): Issue[] {
  // A function, a list or a promise has none of these parts, and would be an app that does nothing.
  if (typeof app !== 'object' || app === null || Array.isArray(app) || typeof app['then'] === 'function')
    return [{ path: '', message: 'it must be an object of lists, such as what defineApp answers' }]
  return Object.entries(app).flatMap(([path, part]) => {
    if (!Object.hasOwn(NOTHING, path))
      return [{ path, message: `is no part of an app; wanted: ${Object.keys(NOTHING).join(', ')}` }]
    return part === undefined || isList(part) ? [] : [{ path, message: 'must be a list of declarations' }]
  })
}

const isList = (part: unknown): boolean =>
  Array.isArray(part) && part.every((item) => item !== null && item !== undefined)

function shapeIssues({ handlers, routes, migrations, rpc, pipelines, personalFields }: App): Issue[] {
  const madeBy = (part: string, all: readonly object[], method: string, makers: string) =>
    [...all.entries()]
      .filter(([, one]) => typeof (one as Record<string, unknown>)[method] !== 'function')
      .map(([index]) => ({ path: `${part}.${index}`, message: `must be made by ${makers}` }))
  return [
    ...madeBy('handlers', handlers, 'bind', 'handle, handleOnce or handleBatch'),
    ...madeBy('routes', routes, 'handle', 'route'),
    ...madeBy('rpc', rpc, 'bind', 'responder'),
    ...[...pipelines.entries()]
      .filter(([, { kind }]) => kind !== 'sink' && kind !== 'source')
      .map(([index]) => ({ path: `pipelines.${index}`, message: 'must be made by pipeline' })),
    ...migrationIssues(migrations),
    ...personalFieldIssues(personalFields),
  ]
}

/** A mistake here would show in a log what nobody may see, so it is told at once. */
const personalFieldIssues = (fields: readonly unknown[]): Issue[] =>
  [...fields.entries()]
    .filter(([, field]) => typeof field !== 'string' || field.split('.').includes(''))
    .map(([index, field]) => ({
      path: `personalFields.${index}`,
      message: `must be a name or a path such as "user.phone", not ${JSON.stringify(field)}`,
    }))

function twiceIssues({
  streams,
  handlers,
  routes,
  migrations,
  rpc,
  pipelines,
  retention,
  metrics,
}: App): Issue[] {
  const groups = handlers.map(({ stream, options: { group } }) => `${quote(group)} on ${quote(stream)}`)
  // However its parameters are called, it is the same route.
  const lines = routes.map(({ method, path }) => quote(`${method} ${path.replaceAll(/:\w+/g, ':')}`))
  return [
    ...twice('streams', 'stream', namesOf(streams)),
    ...twice('handlers', 'group', groups),
    ...twice('routes', 'route', lines),
    ...twice('migrations', 'migration', namesOf(migrations)),
    ...twice(
      'rpc',
      'responder of',
      rpc.map(({ contract }) => quote(contract.stream)),
    ),
    ...twice(
      'retention',
      'retention of',
      retention.map(({ stream }) => quote(stream)),
    ),
    ...twice('pipelines', 'pipeline', namesOf(pipelines)),
    ...twice('metrics', 'metric', namesOf(metrics)),
  ]
}

function othersIssues({ jobs, middleware, retention }: App): Issue[] {
  const issues: Issue[] = []
  collectIssues(issues, () => refuseJobsTwice(jobs), 'jobs')
  for (const declaration of retention) collectIssues(issues, () => resolveRetention(declaration), 'retention')
  collectIssues(issues, () => checkFunctions('middleware', middleware), 'middleware')
  return issues
}

function refuse(issues: readonly Issue[]): void {
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'the app can not be run like this', issues)
}

/** Unambiguous, whatever a name contains. */
const quote = (name: string) => JSON.stringify(name)
const namesOf = (all: readonly { name: string }[]): string[] => all.map(({ name }) => quote(name))

function twice(path: string, what: string, names: readonly string[]): Issue[] {
  const again = new Set(names.filter((name, index) => names.indexOf(name) !== index))
  return [...again].map((name) => ({ path, message: `has the ${what} ${name} twice` }))
}
