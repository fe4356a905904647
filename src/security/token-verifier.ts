import { errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey, type JWTVerifyOptions } from 'jose'
import { SCOPES, type Caller } from '../core/access.ts'
import { MillraceError } from '../core/errors.ts'
import { checkName } from '../core/names.ts'
import { notAccepted } from './not-accepted.ts'

/** Public keys only: who may check a token must not be able to make one. Never `none`, never HMAC. */
const ALGORITHMS: NonNullable<JWTVerifyOptions['algorithms']> = [
  'EdDSA',
  'Ed25519',
  'ES256',
  'RS256',
  'PS256',
]
/** The longest life of a token, in seconds: a leaked one is soon worth nothing. */
const MAX_LIFETIME = 3600
/** How far clocks may be apart, in seconds. */
const CLOCK_TOLERANCE = 30

/** Checks tokens (JWT) that one issuer makes out for one audience. */
export class TokenVerifier {
  readonly #keys: JWTVerifyGetKey
  readonly #options: JWTVerifyOptions

  constructor({ issuer, audience, keys }: { issuer: string; audience: string; keys: JWTVerifyGetKey }) {
    this.#keys = keys
    this.#options = {
      issuer,
      audience,
      algorithms: ALGORITHMS,
      clockTolerance: CLOCK_TOLERANCE,
      maxTokenAge: MAX_LIFETIME,
      requiredClaims: ['exp', 'sub'],
    }
  }

  /** @throws MillraceError `UNAUTHENTICATED`, or `TOKEN_KEYS_UNAVAILABLE` */
  async verify(token: string): Promise<Caller> {
    try {
      const { payload } = await jwtVerify(token, this.#keys, this.#options)
      return callerOf(payload)
    } catch (error) {
      if (error instanceof MillraceError && error.code === 'TOKEN_KEYS_UNAVAILABLE') throw error
      // A key of another kind than the token names is a TypeError to jose.
      const ofToken = [MillraceError, errors.JOSEError, TypeError].some((kind) => error instanceof kind)
      throw ofToken ? notAccepted(error) : error
    }
  }
}

function callerOf({ sub = '', scope, iat = 0, exp = Infinity }: JWTPayload): Caller {
  if (exp - iat > MAX_LIFETIME) throw notAccepted(new Error(`it lives longer than ${MAX_LIFETIME} s`))
  checkName('subject of the token', sub)
  const words = typeof scope === 'string' ? scope.split(' ') : []
  // Keys have names of their own: whoever issues tokens can't pass for one of them.
  return { name: `token:${sub}`, scopes: new Set(SCOPES.filter((known) => words.includes(known))) }
}
