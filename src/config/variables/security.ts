import { listOf, network, secretBlock, secretList, text, urlOf } from '../values.ts'
import { define, type Variable } from '../variable.ts'

/** Who is let in, and what is encrypted. */
export const SECURITY = {
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
} satisfies Record<string, Variable>
