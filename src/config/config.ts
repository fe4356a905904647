import { InvalidError, type Issue } from '../core/errors.ts'
import type { LogLevel } from '../core/settings.ts'
import { databaseUrl, defined, redisPlace, redisWays, unusedSettings, unusedTlsFiles } from './servers.ts'
import type { Given, RedisPlace } from './servers.ts'
import type { ConfigFile } from './config-file.ts'
import { connectorConfig, unusedOutput, type ConnectorConfig } from './output.ts'
import { readVariables, type Reading } from './readings.ts'
import { readDotEnv, type Source } from './sources.ts'
import type { Values, VariableName } from './variables.ts'
import type { ENVIRONMENTS, ROLES } from './variables/service.ts'
import type { LOG_FORMATS } from './variables/telemetry.ts'

export type Role = (typeof ROLES)[number]
export type Environment = (typeof ENVIRONMENTS)[number]
export type LogFormat = (typeof LOG_FORMATS)[number]

/** What the service runs with. Durations in milliseconds, sizes in bytes. */
export interface Config {
  environment: Environment
  service: { name: string; version: string }
  /** Without a host: all addresses, of IPv4 and IPv6. `orAnyPort`: another one where that port is taken. */
  http: { host: string | undefined; port: number; orAnyPort: boolean; requestTimeoutMs: number }
  limits: {
    bodyBytes: number
    batchBodyBytes: number
    batchEvents: number
    jsonDepth: number
    /** How many streams that no app declares may be published to. */
    undeclaredStreams: number
  }
  /** From where on requests are refused, 0 for never. */
  overload: { eventLoopDelayMs: number; memoryBytes: number }
  /** Requests of one client; undefined for any number. */
  rateLimit: { max: number; windowMs: number } | undefined
  /** The same time where there is no limit, should one be set while the service runs. */
  rateLimitWindowMs: number
  security: Security
  roles: ReadonlySet<Role>
  /** The path of the app module; undefined for none. */
  app: string | undefined
  /** The service's own stream. */
  stream: string
  /** Undefined: nobody named one, so the embedded one serves. Never so in production. */
  redis: RedisPlace | undefined
  redisTls: TlsFiles
  /** The circuit around Redis. */
  circuit: { failures: number; openMs: number }
  /** How many replicas of Redis must have an event before it counts as published, where there must be any. */
  durability: { replicas: number; timeoutMs: number } | undefined
  /** In one URL; only the roles `api` and `worker` use it. */
  database: { url: string } | undefined
  /** Undefined: no TLS, unless the URL asks for it. */
  databaseTls: TlsFiles | undefined
  /** How the first connection to Redis is made; delay n follows failure n, the last one repeats. */
  connect: { attempts: number; delaysMs: readonly number[]; timeoutMs: number }
  /** For every group that does not say otherwise. */
  consumers: ConsumerDefaults
  connector: ConnectorConfig
  /** Where backups of the API lie; relative to the working directory. */
  backupDirectory: string
  /** Of cron jobs that name none. */
  timezone: string
  /** 0 for no test events. */
  testEventIntervalMs: number
  log: { level: LogLevel; format: LogFormat; redactFields: readonly string[] }
  /** Without a port: that of the service. */
  metrics: { enabled: boolean; port: number | undefined }
  trace: boolean
  shutdownGraceMs: number
  /** Settings that are right by themselves and do nothing, for the log at start. */
  warnings: readonly string[]
}

/** Paths of PEM files. */
export interface TlsFiles {
  ca?: string
  cert?: string
  key?: string
}

/** As they were written; what they mean is checked where they are used. */
export interface Security {
  apiKeys: readonly string[]
  /** Tokens that are accepted; undefined for none. */
  tokens: { issuer: string; audience: string; jwksUrl?: string; jwksPath?: string } | undefined
  /** Signs our own tokens, as PEM. */
  signingKey: string | undefined
  encryptionKeys: readonly string[]
  trustedProxies: readonly string[]
}

export interface ConsumerDefaults {
  /** The first part of the names of consumers; undefined for that of the host. */
  name: string | undefined
  concurrency: number
  batchSize: number
  pollMs: number
  /** The longest pause before a failed read is made again. */
  maxFaultDelayMs: number
  claimIntervalMs: number
  minIdleMs: number
  attempts: number
  retryDelayMs: number
  handlerTimeoutMs: number
}

export interface LoadOptions {
  /** Where `.env` is, and what relative paths are relative to. */
  cwd: string
  /** The default of SERVICE_VERSION. */
  version: string
  /** Variables given on the command line; they win over everything. */
  flags?: Readonly<Record<string, string | undefined>>
  /** What `readConfigFile` answered; its mistakes are listed with all others. */
  file?: ConfigFile | undefined
  /** False for a command: nobody uses its API, so it needs no keys in production (true). */
  serves?: boolean
}

/**
 * The configuration from flags, environment, `.env`, configuration file and defaults, in this order. Unknown variables
 * are ignored, but for those of the file, which is ours alone.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every mistake: the variable, what it holds, and what is wanted.
 *
 * @example
 * const file = await readConfigFile(process.cwd())
 * const config = loadConfig(process.env, { cwd: process.cwd(), version: '1.0.0', file })
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>, options: LoadOptions): Config {
  return readConfiguration(env, options).config
}

/** The configuration, and where each variable of it comes from. */
export interface Configuration {
  readonly config: Config
  /** In the order of the table of variables. */
  readonly variables: readonly Reading[]
}

/** As {@link loadConfig}, for whoever also wants to know where it comes from. */
export function readConfiguration(
  env: Readonly<Record<string, string | undefined>>,
  options: LoadOptions,
): Configuration {
  const mistakes: Issue[] = [...(options.file?.mistakes ?? [])]
  const sources: Source[] = [
    { name: 'flag', where: 'on the command line', variables: options.flags ?? {} },
    { name: 'environment', where: '', variables: env },
    readDotEnv(options.cwd, mistakes),
    ...(options.file ? [options.file.source] : []),
  ]
  const { values, given, readings } = readVariables(sources, options.cwd, mistakes)
  requireOneRedis(given, mistakes)
  requireInProduction(values, given, mistakes, options.serves ?? true)
  if (mistakes.length > 0) throw invalidConfiguration(mistakes)
  return { config: assemble(values as Values, given, options.version), variables: readings }
}

export function invalidConfiguration(mistakes: readonly Issue[]): InvalidError {
  const count = mistakes.length === 1 ? '1 mistake' : `${mistakes.length} mistakes`
  return new InvalidError('CONFIGURATION_INVALID', `the configuration has ${count}`, mistakes)
}

function assemble(values: Values, given: Given, version: string): Config {
  return {
    environment: values.ENVIRONMENT,
    service: { name: values.SERVICE_NAME, version: values.SERVICE_VERSION ?? version },
    http: {
      host: values.HOST ?? (isDevelopment(values) ? '127.0.0.1' : undefined),
      port: values.SERVICE_PORT,
      orAnyPort: isConnectorAlone(values) && !given.has('SERVICE_PORT'),
      requestTimeoutMs: values.REQUEST_TIMEOUT_MS,
    },
    limits: {
      bodyBytes: values.MAX_BODY_BYTES,
      batchBodyBytes: values.MAX_BATCH_BODY_BYTES,
      batchEvents: values.MAX_BATCH_EVENTS,
      jsonDepth: values.MAX_JSON_DEPTH,
      undeclaredStreams: values.MAX_UNDECLARED_STREAMS,
    },
    overload: { eventLoopDelayMs: values.MAX_EVENT_LOOP_DELAY_MS, memoryBytes: values.MAX_MEMORY_BYTES },
    rateLimit: rateLimit(values),
    rateLimitWindowMs: values.RATE_LIMIT_WINDOW_MS,
    security: security(values),
    roles: new Set(values.ROLES),
    app: values.APP,
    stream: values.STREAM,
    redis: redisPlace(values, given),
    redisTls: tlsFiles(values, 'REDIS'),
    circuit: { failures: values.CIRCUIT_BREAKER_FAILURES, openMs: values.CIRCUIT_BREAKER_OPEN_MS },
    durability:
      values.PUBLISH_REPLICAS > 0
        ? { replicas: values.PUBLISH_REPLICAS, timeoutMs: values.PUBLISH_REPLICAS_TIMEOUT_MS }
        : undefined,
    database: databaseUrl(values, given),
    databaseTls: values.DB_TLS_ENABLED ? tlsFiles(values, 'DB') : undefined,
    connect: {
      attempts: values.MAX_RETRY_ATTEMPTS,
      delaysMs: values.RETRY_DELAYS,
      timeoutMs: values.CONNECTION_TIMEOUT,
    },
    consumers: consumerDefaults(values),
    connector: connectorConfig(values),
    backupDirectory: values.BACKUP_DIRECTORY,
    timezone: values.TIMEZONE,
    testEventIntervalMs: values.TEST_EVENT_INTERVAL_MS ?? (isDevelopment(values) ? 10_000 : 0),
    log: {
      level: values.LOG_LEVEL,
      format: values.LOG_FORMAT,
      redactFields: values.LOG_REDACT_FIELDS ?? [],
    },
    metrics: { enabled: values.METRICS_ENABLED, port: values.METRICS_PORT },
    trace: values.TRACE_ENABLED,
    shutdownGraceMs: values.SHUTDOWN_GRACE_PERIOD_MS ?? (isConnectorAlone(values) ? 2_000 : 30_000),
    warnings: [...unusedSettings(given), ...unusedTlsFiles(values, given), ...unusedOutput(values, given)],
  }
}

const isConnectorAlone = ({ ROLES }: Values): boolean => ROLES.every((role) => role === 'connector')

const isDevelopment = (values: Values): boolean => values.ENVIRONMENT === 'development'

function rateLimit(values: Values): Config['rateLimit'] {
  const max = values.RATE_LIMIT_MAX ?? (isDevelopment(values) ? 0 : 100)
  return max === 0 ? undefined : { max, windowMs: values.RATE_LIMIT_WINDOW_MS }
}

const tlsFiles = (values: Values, server: 'REDIS' | 'DB'): TlsFiles =>
  defined({
    ca: values[`${server}_TLS_CA`],
    cert: values[`${server}_TLS_CERT`],
    key: values[`${server}_TLS_KEY`],
  })

function security(values: Values): Security {
  const { JWT_ISSUER: issuer, JWT_AUDIENCE: audience = values.SERVICE_NAME } = values
  const keys = defined({ jwksUrl: values.JWT_JWKS_URL, jwksPath: values.JWT_JWKS_PATH })
  return {
    apiKeys: values.API_KEYS ?? [],
    tokens: issuer === undefined ? undefined : { issuer, audience, ...keys },
    signingKey: values.JWT_SIGNING_KEY,
    encryptionKeys: values.ENCRYPTION_KEYS ?? [],
    trustedProxies: values.TRUSTED_PROXIES ?? [],
  }
}

const consumerDefaults = (values: Values): ConsumerDefaults => ({
  name: values.CONSUMER_NAME,
  concurrency: values.CONCURRENCY,
  batchSize: values.BATCH_SIZE,
  pollMs: values.POLL_TIMEOUT_MS,
  maxFaultDelayMs: values.RETRY_DELAY_MS,
  claimIntervalMs: values.PENDING_MESSAGE_CLAIM_INTERVAL_MS,
  minIdleMs: values.PENDING_MESSAGE_MIN_IDLE_MS,
  attempts: values.HANDLER_ATTEMPTS,
  retryDelayMs: values.HANDLER_RETRY_DELAY_MS,
  handlerTimeoutMs: values.HANDLER_TIMEOUT_MS,
})

/** Several of equal strength would leave one of them unused without a word. */
function requireOneRedis(given: Given, mistakes: Issue[]): void {
  const [first, ...others] = redisWays(given)
  if (!first || others.length === 0) return
  mistakes.push({ path: first, message: `is set beside ${others.join(' and ')}; wanted: one of them` })
}

/** In production nothing is guessed: not which Redis holds the events, nor under which name they are logged. */
function requireInProduction(
  values: Partial<Values>,
  given: Given,
  mistakes: Issue[],
  serves: boolean,
): void {
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
  if (serves) require('keys of those who may use the API, or JWT_ISSUER', 'API_KEYS', 'JWT_ISSUER')
}
