import type { z } from 'zod'
import { LOG_LEVELS } from '../core/settings.ts'
import {
  bytes,
  listOf,
  milliseconds,
  network,
  nodeAddress,
  oneOf,
  onOrOff,
  ownPort,
  remotePort,
  secretBlock,
  secretList,
  secretText,
  text,
  timeZone,
  urlOf,
  wholeNumber,
} from './values.ts'
import type { ValueSchema } from './values.ts'

/** One variable of the environment: everything that is said about it anywhere follows from here. */
export interface Variable<T = unknown> {
  /** What it is for, in one line. */
  readonly about: string
  readonly schema: ValueSchema<T>
  /** As an operator would write it. Without one the variable may be missing. */
  readonly default?: string
  /** In words, where the default follows from other variables. */
  readonly defaultNote?: string
  /** Older names, read where the variable itself is not set. */
  readonly aliases?: readonly string[]
  /** Never shown: as a whole, or what a URL holds in front of its host. Can also come from a file named in `<NAME>_FILE`. */
  readonly secret?: 'whole' | 'url'
  /** Taken over when the service is told to read its configuration again; the others need a restart. */
  readonly reloads?: true
}

/** Keeps the literal type of an entry, so that `default` tells whether the value can be missing. */
const define = <const V extends Variable>(variable: V): V => variable

export const ROLES = ['api', 'worker', 'ingress', 'proxy', 'connector'] as const
export const ENVIRONMENTS = ['development', 'staging', 'production'] as const
export const LOG_FORMATS = ['text', 'json'] as const

/** `test` is what test runners put into NODE_ENV; it is no environment of its own. */
const environment = text
  .transform((word) => (word.toLowerCase() === 'test' ? 'development' : word))
  .pipe(oneOf(ENVIRONMENTS))
  .describe(`one of ${ENVIRONMENTS.join(', ')}`)

export const VARIABLES = {
  ENVIRONMENT: define({
    about: 'Where the service runs; some defaults follow from it',
    schema: environment,
    default: 'development',
    aliases: ['NODE_ENV'],
  }),
  SERVICE_NAME: define({
    about: 'The name in logs and health; required in production',
    schema: text,
    default: 'millrace',
  }),
  SERVICE_VERSION: define({
    about: 'The version in health',
    schema: text,
    defaultNote: "the package's",
  }),
  SERVICE_PORT: define({
    about: 'The port of the HTTP API',
    schema: ownPort,
    default: '8000',
    aliases: ['PORT'],
  }),
  HOST: define({
    about: 'The address to listen on',
    schema: text,
    defaultNote: '127.0.0.1 in development, else all addresses',
  }),
  ROLES: define({
    about: 'What this process does',
    schema: listOf(oneOf(ROLES)),
    default: ROLES.join(','),
  }),
  APP: define({
    about: 'The app module to run: its streams, groups and jobs',
    schema: text,
    defaultNote: 'none: the API and the audit trail alone',
    aliases: ['MILLRACE_APP'],
  }),
  CONSUMER_NAME: define({
    about: 'The first part of the names of the consumers, which are unique per process',
    schema: text,
    defaultNote: "the host's name, else SERVICE_NAME",
  }),
  TIMEZONE: define({
    about: 'The time zone of cron jobs that name none',
    schema: timeZone,
    default: 'UTC',
  }),
  STREAM: define({
    about: "The service's own stream",
    schema: text,
    default: 'event-stream',
  }),
  TEST_EVENT_INTERVAL_MS: define({
    about: 'How often a test event is published to STREAM; 0 for never',
    schema: milliseconds(0),
    defaultNote: '10000 in development, else 0',
  }),
  REDIS_URL: define({
    about: 'Redis, as a URL; user, password and TLS can also come from the variables below',
    schema: urlOf(['redis:', 'rediss:'], 'redis://localhost:6379'),
    secret: 'url',
    defaultNote: 'an embedded Redis in development',
  }),
  REDIS_HOST: define({
    about: 'Redis, where there is no REDIS_URL',
    schema: text,
  }),
  REDIS_PORT: define({
    about: 'The port at REDIS_HOST',
    schema: remotePort,
    default: '6379',
  }),
  REDIS_USER: define({
    about: 'The ACL user in Redis',
    schema: text,
  }),
  REDIS_PW: define({
    about: 'The password of Redis',
    schema: secretText,
    aliases: ['REDIS_PASSWORD'],
    secret: 'whole',
  }),
  REDIS_TLS_ENABLED: define({
    about: 'Speak TLS to Redis',
    schema: onOrOff,
    default: 'false',
  }),
  REDIS_TLS_CA: define({
    about: 'The file with the certificates (PEM) that sign those of Redis',
    schema: text,
    defaultNote: 'those that Node.js knows',
  }),
  REDIS_TLS_CERT: define({
    about: 'The file with our own certificate (PEM), where Redis asks for one',
    schema: text,
  }),
  REDIS_TLS_KEY: define({
    about: 'The file with its private key (PEM)',
    schema: text,
  }),
  REDIS_SENTINEL_NODES: define({
    about: 'All Sentinels that watch the master, instead of REDIS_URL',
    schema: listOf(nodeAddress),
  }),
  REDIS_SENTINEL_NAME: define({
    about: 'What the Sentinels call the master',
    schema: text,
    default: 'mymaster',
  }),
  REDIS_SENTINEL_USER: define({
    about: 'The ACL user in the Sentinels',
    schema: text,
  }),
  REDIS_SENTINEL_PW: define({
    about: 'The password of the Sentinels',
    schema: secretText,
    secret: 'whole',
  }),
  REDIS_CLUSTER_NODES: define({
    about: 'Some nodes of a Redis Cluster, instead of REDIS_URL',
    schema: listOf(nodeAddress),
  }),
  PUBLISH_REPLICAS: define({
    about: 'How many replicas of Redis must have an event before it counts as published',
    schema: wholeNumber(0, 100),
    default: '0',
  }),
  PUBLISH_REPLICAS_TIMEOUT_MS: define({
    about: 'How long replicas have for that; then the publish fails, and the event may stand',
    schema: wholeNumber(1, 60_000, 'milliseconds'),
    default: '1000',
  }),
  DATABASE_URL: define({
    about: 'PostgreSQL, as a URL',
    schema: urlOf(['postgres:', 'postgresql:'], 'postgres://postgres@localhost:5432/redis_streams_db'),
    secret: 'url',
    defaultNote: 'an embedded PostgreSQL in development',
  }),
  DB_HOST: define({
    about: 'PostgreSQL, where there is no DATABASE_URL: a host, or the directory of a socket',
    schema: text,
  }),
  DB_PORT: define({
    about: 'The port at DB_HOST',
    schema: remotePort,
    default: '5432',
  }),
  DB_NAME: define({
    about: 'The database at DB_HOST',
    schema: text,
    default: 'redis_streams_db',
  }),
  DB_USER: define({
    about: 'The user at DB_HOST',
    schema: text,
    default: 'postgres',
  }),
  DB_PASSWORD: define({
    about: 'The password at DB_HOST',
    schema: secretText,
    secret: 'whole',
  }),
  DB_TLS_ENABLED: define({
    about: 'Speak TLS to PostgreSQL, and check its certificate',
    schema: onOrOff,
    default: 'false',
  }),
  DB_TLS_CA: define({
    about: 'The file with the certificates (PEM) that sign those of PostgreSQL',
    schema: text,
    defaultNote: 'those that Node.js knows',
  }),
  DB_TLS_CERT: define({
    about: 'The file with our own certificate (PEM), where PostgreSQL asks for one',
    schema: text,
  }),
  DB_TLS_KEY: define({
    about: 'The file with its private key (PEM)',
    schema: text,
  }),
  CONCURRENCY: define({
    about: 'How many handlers of a group run at once in this process',
    schema: wholeNumber(1, 10_000),
    default: '10',
    reloads: true,
  }),
  BATCH_SIZE: define({
    about: 'How many events a group that takes batches gets at once',
    schema: wholeNumber(1, 10_000),
    default: '100',
    reloads: true,
  }),
  POLL_TIMEOUT_MS: define({
    about: 'How long a read waits for entries before it is made again',
    schema: wholeNumber(1, 60_000, 'milliseconds'),
    default: '5000',
  }),
  RETRY_DELAY_MS: define({
    about: 'The longest pause before a failed read is made again',
    schema: milliseconds(),
    default: '5000',
  }),
  PENDING_MESSAGE_CLAIM_INTERVAL_MS: define({
    about: 'The longest pause between looks for entries that a consumer of other software left behind',
    schema: milliseconds(),
    default: '30000',
  }),
  PENDING_MESSAGE_MIN_IDLE_MS: define({
    about: 'How long a consumer of other software may be silent about an entry before it is claimed',
    schema: milliseconds(),
    default: '60000',
  }),
  HANDLER_ATTEMPTS: define({
    about: 'How often a handler is started with an event before that is a dead letter',
    schema: wholeNumber(1, 1_000_000),
    default: '5',
  }),
  HANDLER_RETRY_DELAY_MS: define({
    about: 'The pause before the second attempt; it doubles from attempt to attempt',
    schema: milliseconds(0),
    default: '1000',
  }),
  HANDLER_TIMEOUT_MS: define({
    about: 'How long a handler may run',
    schema: milliseconds(),
    default: '300000',
  }),
  LOG_LEVEL: define({
    about: 'The least important lines to log',
    schema: oneOf(LOG_LEVELS),
    default: 'info',
    reloads: true,
  }),
  LOG_FORMAT: define({
    about: 'Lines for people, or an object a line',
    schema: oneOf(LOG_FORMATS),
    default: 'text',
  }),
  LOG_REDACT_FIELDS: define({
    about: 'Names of fields with personal data, which are masked in logs; secrets always are',
    schema: listOf(text),
    defaultNote: 'none',
  }),
  METRICS_ENABLED: define({
    about: 'Serve metrics for Prometheus at /metrics',
    schema: onOrOff,
    default: 'true',
  }),
  METRICS_PORT: define({
    about: 'A port of their own for metrics and health',
    schema: ownPort,
    defaultNote: 'SERVICE_PORT',
  }),
  TRACE_ENABLED: define({
    about: 'Make spans of what is done, for the OpenTelemetry SDK that the process was started with',
    schema: onOrOff,
    default: 'false',
  }),
  MAX_RETRY_ATTEMPTS: define({
    about: 'How often to try to reach Redis at start',
    schema: wholeNumber(1, 1000),
    default: '3',
  }),
  RETRY_DELAYS: define({
    about: 'The pause after each failed attempt; the last one repeats',
    schema: listOf(milliseconds(0)),
    default: '5000,15000,30000',
  }),
  CONNECTION_TIMEOUT: define({
    about: 'How long one attempt may take',
    schema: milliseconds(),
    default: '10000',
  }),
  CIRCUIT_BREAKER_FAILURES: define({
    about: 'How many failures of Redis in a row open the circuit',
    schema: wholeNumber(1, 1000),
    default: '5',
  }),
  CIRCUIT_BREAKER_OPEN_MS: define({
    about: 'How long the circuit stays open before one command tries it out',
    schema: milliseconds(),
    default: '30000',
  }),
  REQUEST_TIMEOUT_MS: define({
    about: 'How long an HTTP request may take before it is answered with 504',
    schema: milliseconds(),
    default: '30000',
  }),
  SHUTDOWN_GRACE_PERIOD_MS: define({
    about: 'How long a stop waits for what runs',
    schema: milliseconds(0),
    default: '30000',
  }),
  MAX_BODY_BYTES: define({
    about: 'The largest body of an HTTP request',
    schema: bytes,
    default: '1048576',
  }),
  MAX_BATCH_BODY_BYTES: define({
    about: 'The largest body of a request that carries a batch of events',
    schema: bytes,
    default: '8388608',
  }),
  MAX_BATCH_EVENTS: define({
    about: 'How many events one request may carry',
    schema: wholeNumber(1, 1_000_000),
    default: '10000',
  }),
  API_KEYS: define({
    about: 'Who may use the API: name:scopes:digest for each key, as `millrace key create` prints it',
    schema: secretList,
    secret: 'whole',
    defaultNote: 'none; required in production, unless tokens are accepted',
    reloads: true,
  }),
  JWT_ISSUER: define({
    about: 'Whose tokens are accepted from other services',
    schema: text,
    defaultNote: 'no tokens are accepted',
  }),
  JWT_AUDIENCE: define({
    about: 'For whom accepted tokens must be made out',
    schema: text,
    defaultNote: 'SERVICE_NAME',
  }),
  JWT_JWKS_URL: define({
    about: 'Where the public keys of JWT_ISSUER are',
    schema: urlOf(['https:', 'http:'], 'https://auth.example.com/.well-known/jwks.json'),
    secret: 'url',
  }),
  JWT_JWKS_PATH: define({
    about: 'The file that holds them, instead of JWT_JWKS_URL',
    schema: text,
  }),
  JWT_SIGNING_KEY: define({
    about: 'Our own private key (Ed25519, PEM), for tokens to other services',
    schema: secretBlock,
    secret: 'whole',
  }),
  ENCRYPTION_KEYS: define({
    about: 'Keys for data at rest: id:base64 of 32 bytes for each; the first one encrypts',
    schema: secretList,
    secret: 'whole',
    defaultNote: 'data is not encrypted',
    reloads: true,
  }),
  TRUSTED_PROXIES: define({
    about: 'Addresses or networks (CIDR) whose X-Forwarded-For is believed',
    schema: listOf(network),
    defaultNote: 'none',
  }),
  RATE_LIMIT_MAX: define({
    about: 'How many requests a client may make in RATE_LIMIT_WINDOW_MS; 0 for any number',
    schema: wholeNumber(0, 1_000_000_000),
    defaultNote: '0 in development, else 100',
    reloads: true,
  }),
  RATE_LIMIT_WINDOW_MS: define({
    about: 'The time that RATE_LIMIT_MAX counts for',
    schema: wholeNumber(1000, 86_400_000, 'milliseconds'),
    default: '10000',
    reloads: true,
  }),
  MAX_JSON_DEPTH: define({
    about: 'How deep the JSON of a request may be nested',
    schema: wholeNumber(1, 1000),
    default: '64',
  }),
  MAX_EVENT_LOOP_DELAY_MS: define({
    about: 'From which delay of the event loop on requests are refused with 503; 0 for never',
    schema: milliseconds(0),
    default: '1000',
  }),
  MAX_MEMORY_BYTES: define({
    about: 'From which size of the process on requests are refused with 503; 0 for never',
    schema: wholeNumber(0, Number.MAX_SAFE_INTEGER, 'bytes'),
    default: '1073741824',
  }),
} satisfies Record<string, Variable>

export type VariableName = keyof typeof VARIABLES

type ValueOf<V extends Variable> = V extends { default: string }
  ? z.output<V['schema']>
  : z.output<V['schema']> | undefined

export type Values = { [N in VariableName]: ValueOf<(typeof VARIABLES)[N]> }
