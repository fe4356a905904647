import { onOrOff, remotePort, secretText, text, urlOf } from '../values.ts'
import { define, type Variable } from '../variable.ts'

/** Where PostgreSQL is. */
export const DATABASE = {
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
} satisfies Record<string, Variable>
