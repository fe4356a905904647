import { listOf, milliseconds, oneOf, ownPort, text, timeZone } from '../values.ts'
import { define, type Variable } from '../variable.ts'

export const ROLES = ['api', 'worker', 'ingress', 'proxy', 'connector'] as const
export const ENVIRONMENTS = ['development', 'staging', 'production'] as const

/** `test` is what test runners put into NODE_ENV; it is no environment of its own. */
const environment = text
  .transform((word) => (word.toLowerCase() === 'test' ? 'development' : word))
  .pipe(oneOf(ENVIRONMENTS))
  .describe(`one of ${ENVIRONMENTS.join(', ')}`)

/** What the service is and what it does. */
export const SERVICE = {
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
    about:
      'The port of the HTTP API; where nobody sets it, the role connector alone takes another one if it is taken',
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
  BACKUP_DIRECTORY: define({
    about: 'Where backups that are asked for over the API are written, and read from',
    schema: text,
    default: 'backups',
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
  SHUTDOWN_GRACE_PERIOD_MS: define({
    about: 'How long a stop waits for what runs',
    schema: milliseconds(0),
    defaultNote: '2000 for the role connector alone, else 30000',
  }),
} satisfies Record<string, Variable>
