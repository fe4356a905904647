import type { z } from 'zod'
import {
  bytes,
  listOf,
  milliseconds,
  nodeAddress,
  oneOf,
  onOrOff,
  ownPort,
  remotePort,
  secretText,
  text,
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
}

/** Keeps the literal type of an entry, so that `default` tells whether the value can be missing. */
const define = <const V extends Variable>(variable: V): V => variable

export const ROLES = ['api', 'worker', 'ingress', 'proxy', 'connector'] as const
export const ENVIRONMENTS = ['development', 'staging', 'production'] as const
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
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
  STREAM: define({
    about: "The service's own stream",
    schema: text,
    default: 'event-stream',
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
  LOG_LEVEL: define({
    about: 'The least important lines to log',
    schema: oneOf(LOG_LEVELS),
    default: 'info',
  }),
  LOG_FORMAT: define({
    about: 'Lines for people, or an object a line',
    schema: oneOf(LOG_FORMATS),
    default: 'text',
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
} satisfies Record<string, Variable>

export type VariableName = keyof typeof VARIABLES

type ValueOf<V extends Variable> = V extends { default: string }
  ? z.output<V['schema']>
  : z.output<V['schema']> | undefined

export type Values = { [N in VariableName]: ValueOf<(typeof VARIABLES)[N]> }
