import { InvalidError, type Issue } from '../core/errors.ts'
import { databaseUrl, redisPlace, redisWays, unusedSettings, type Given, type RedisPlace } from './servers.ts'
import { find, readDotEnv, type Found, type Source } from './sources.ts'
import { VARIABLES } from './variables.ts'
import type {
  ENVIRONMENTS,
  LOG_FORMATS,
  LOG_LEVELS,
  ROLES,
  Values,
  Variable,
  VariableName,
} from './variables.ts'

export type Role = (typeof ROLES)[number]
export type Environment = (typeof ENVIRONMENTS)[number]
export type LogLevel = (typeof LOG_LEVELS)[number]
export type LogFormat = (typeof LOG_FORMATS)[number]

/** What the service runs with. Durations in milliseconds, sizes in bytes. */
export interface Config {
  environment: Environment
  service: { name: string; version: string }
  /** Without a host: all addresses, of IPv4 and IPv6. */
  http: { host: string | undefined; port: number; requestTimeoutMs: number }
  limits: { bodyBytes: number; batchBodyBytes: number; batchEvents: number }
  roles: ReadonlySet<Role>
  /** The service's own stream. */
  stream: string
  /** Undefined: nobody named one, so the embedded one serves. Never so in production. */
  redis: RedisPlace | undefined
  /** How many replicas of Redis must have an event before it counts as published, where there must be any. */
  durability: { replicas: number; timeoutMs: number } | undefined
  /** In one URL; only the roles `api` and `worker` use it. */
  database: { url: string } | undefined
  /** How the first connection to Redis is made; delay n follows failure n, the last one repeats. */
  connect: { attempts: number; delaysMs: readonly number[]; timeoutMs: number }
  log: { level: LogLevel; format: LogFormat }
  shutdownGraceMs: number
  /** Settings that are right by themselves and do nothing, for the log at start. */
  warnings: readonly string[]
}

export interface LoadOptions {
  /** Where `.env` is, and what relative paths are relative to. */
  cwd: string
  /** The default of SERVICE_VERSION. */
  version: string
  /** Variables given on the command line; they win over everything. */
  flags?: Readonly<Record<string, string | undefined>>
}

/**
 * The configuration from flags, environment, `.env` and defaults, in this order. Unknown variables are ignored.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every mistake: the variable, what it holds, and what is wanted.
 *
 * @example
 * const config = loadConfig(process.env, { cwd: process.cwd(), version: '1.0.0' })
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>, options: LoadOptions): Config {
  const mistakes: Issue[] = []
  const sources: Source[] = [
    { where: 'on the command line', variables: options.flags ?? {} },
    { where: '', variables: env },
    readDotEnv(options.cwd, mistakes),
  ]
  const { values, given } = readValues(sources, options.cwd, mistakes)
  requireOneRedis(given, mistakes)
  requireInProduction(values, given, mistakes)
  if (mistakes.length > 0) {
    const count = mistakes.length === 1 ? '1 mistake' : `${mistakes.length} mistakes`
    throw new InvalidError('CONFIGURATION_INVALID', `the configuration has ${count}`, mistakes)
  }
  return assemble(values as Values, given, options.version)
}

/** Without mistakes, `values` is complete. `given` are the variables that somebody set, rightly or not. */
function readValues(sources: readonly Source[], cwd: string, mistakes: Issue[]) {
  const values: Partial<Record<VariableName, unknown>> = {}
  const given = new Map<VariableName, number>()
  for (const [name, variable] of Object.entries(VARIABLES) as [VariableName, Variable][]) {
    const found = find(name, variable, sources, cwd, mistakes)
    if (found) given.set(name, found.rank)
    const text = found ? found.text : variable.default
    if (text === undefined) continue
    const result = variable.schema.safeParse(text)
    if (result.success) values[name] = result.data
    else mistakes.push({ path: name, message: describeMistake(variable, found) })
  }
  return { values: values as Partial<Values>, given }
}

function describeMistake({ schema, secret }: Variable, found: Found | undefined): string {
  const { text = '', origin } = found ?? {}
  const shown =
    secret === 'whole' ? '****' : JSON.stringify(secret === 'url' ? maskUrl(text) : text.slice(0, 200))
  return `holds ${shown}${origin ? ` (${origin})` : ''}; wanted: ${schema.description}`
}

/** Works on what is no URL as well: shows what looks like an address, behind the last `@` and before a query. */
function maskUrl(text: string): string {
  const scheme = /^[\w+.-]+:\/\//.exec(text)?.[0] ?? ''
  const at = text.lastIndexOf('@')
  const [address = ''] = text.slice(at === -1 ? scheme.length : at + 1).split('?', 1)
  const isAddress = /^[\w.[\]-]*(:\d+)?(\/[\w.-]*)?$/.test(address)
  return scheme + (at === -1 ? '' : '****@') + (isAddress ? address : '****')
}

function assemble(values: Values, given: Given, version: string): Config {
  return {
    environment: values.ENVIRONMENT,
    service: { name: values.SERVICE_NAME, version: values.SERVICE_VERSION ?? version },
    http: {
      host: values.HOST ?? (values.ENVIRONMENT === 'development' ? '127.0.0.1' : undefined),
      port: values.SERVICE_PORT,
      requestTimeoutMs: values.REQUEST_TIMEOUT_MS,
    },
    limits: {
      bodyBytes: values.MAX_BODY_BYTES,
      batchBodyBytes: values.MAX_BATCH_BODY_BYTES,
      batchEvents: values.MAX_BATCH_EVENTS,
    },
    roles: new Set(values.ROLES),
    stream: values.STREAM,
    redis: redisPlace(values, given),
    durability:
      values.PUBLISH_REPLICAS > 0
        ? { replicas: values.PUBLISH_REPLICAS, timeoutMs: values.PUBLISH_REPLICAS_TIMEOUT_MS }
        : undefined,
    database: databaseUrl(values, given),
    connect: {
      attempts: values.MAX_RETRY_ATTEMPTS,
      delaysMs: values.RETRY_DELAYS,
      timeoutMs: values.CONNECTION_TIMEOUT,
    },
    log: { level: values.LOG_LEVEL, format: values.LOG_FORMAT },
    shutdownGraceMs: values.SHUTDOWN_GRACE_PERIOD_MS,
    warnings: unusedSettings(given),
  }
}

/** Several of equal strength would leave one of them unused without a word. */
function requireOneRedis(given: Given, mistakes: Issue[]): void {
  const [first, ...others] = redisWays(given)
  if (!first || others.length === 0) return
  mistakes.push({ path: first, message: `is set beside ${others.join(' and ')}; wanted: one of them` })
}

/** In production nothing is guessed: not which Redis holds the events, nor under which name they are logged. */
function requireInProduction(values: Partial<Values>, given: Given, mistakes: Issue[]): void {
  if (values.ENVIRONMENT !== 'production') return
  const require = (wanted: string, name: VariableName, ...alternatives: VariableName[]) => {
    if ([name, ...alternatives].some((one) => given.has(one))) return
    mistakes.push({ path: name, message: `is not set; wanted in production: ${wanted}` })
  }
  require('the name of this service', 'SERVICE_NAME')
  const otherRedis = ['REDIS_HOST', 'REDIS_SENTINEL_NODES', 'REDIS_CLUSTER_NODES'] as const
  require('the URL of Redis, or REDIS_HOST', 'REDIS_URL', ...otherRedis)
  if (values.ROLES?.some((role) => role === 'api' || role === 'worker')) {
    require('the URL of PostgreSQL, or DB_HOST', 'DATABASE_URL', 'DB_HOST')
  }
}
