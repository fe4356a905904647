import {
  listOf,
  milliseconds,
  nodeAddress,
  onOrOff,
  remotePort,
  secretText,
  text,
  urlOf,
  wholeNumber,
} from '../values.ts'
import { define, type Variable } from '../variable.ts'

/** Where Redis is, and how it is spoken to. */
export const REDIS = {
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
} satisfies Record<string, Variable>
