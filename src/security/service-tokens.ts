import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { calculateJwkThumbprint, SignJWT, type JSONWebKeySet, type JWK } from 'jose'
import { SCOPES, type Scope } from '../core/access.ts'
import { collectIssues, InvalidError, MillraceError, type Issue } from '../core/errors.ts'

export interface ServiceTokenOptions {
  /** An Ed25519 private key as PEM (PKCS #8), as in `JWT_SIGNING_KEY`. */
  signingKey: string
  /** Who makes the tokens out: what the other service has as its `JWT_ISSUER`. */
  issuer: string
  /** For whom: what the other service has as its `JWT_AUDIENCE`. */
  audience: string
  /** In whose name; the issuer, unless told otherwise. */
  subject?: string
  scopes: readonly Scope[]
  /** From 60 to 3600 (300). */
  lifetimeSeconds?: number
}

const DEFAULT_LIFETIME = 300
/** The part of its life after which a token is replaced, so that none expires on its way. */
const USED_PART = 0.8

/**
 * Makes tokens for calls to other services. The answer gives one that is valid for at least a fifth of its lifetime;
 * it is made once and used until then.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every mistake
 *
 * @example
 * const token = serviceTokens({ signingKey, issuer: 'orders', audience: 'billing', scopes: ['publish'] })
 * await fetch('https://billing.example.com/api/events/custom', {
 *   method: 'POST',
 *   headers: { authorization: `Bearer ${await token()}`, 'content-type': 'application/json' },
 *   body: JSON.stringify({ streamName: 'orders', eventType: 'order.placed', payload: { id: 1 } }),
 * })
 */
export function serviceTokens(options: ServiceTokenOptions): () => Promise<string> {
  const key = checkOptions(options)
  let current: { token: Promise<string>; until: number } | undefined
  return () => {
    if (!current || Date.now() >= current.until) {
      const token = sign(options, key)
      const fresh = { token, until: Date.now() + lifetimeOf(options) * USED_PART * 1000 }
      current = fresh
      token.catch(() => current === fresh && (current = undefined))
    }
    return current.token
  }
}

/**
 * The public key of a signing key as a JSON Web Key Set, as `/.well-known/jwks.json` shows it: for the file that
 * another service has as its `JWT_JWKS_PATH`.
 *
 * @throws MillraceError `CONFIGURATION_INVALID` where it is no Ed25519 key in PEM
 *
 * @example
 * await writeFile('jwks.json', JSON.stringify(await publicKeySet(signingKey)))
 */
export async function publicKeySet(signingKey: string): Promise<JSONWebKeySet> {
  return { keys: [await publicJwk(signingKeyOf(signingKey))] }
}

/**
 * @throws MillraceError `CONFIGURATION_INVALID`, which shows nothing of the text
 */
export function signingKeyOf(pem: string): KeyObject {
  const key = readKey(pem)
  if (key?.asymmetricKeyType === 'ed25519') return key
  const found = key ? `holds a key of type ${key.asymmetricKeyType}` : 'holds no private key'
  throw new MillraceError('CONFIGURATION_INVALID', `${found}; wanted: Ed25519 in PEM (PKCS #8)`)
}

function readKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem)
  } catch {
    return undefined
  }
}

async function sign({ issuer, subject = issuer, ...options }: ServiceTokenOptions, key: KeyObject) {
  const { kid } = await publicJwk(key)
  return new SignJWT({ scope: options.scopes.join(' ') })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT', kid: kid! })
    .setIssuer(issuer)
    .setSubject(subject)
    .setAudience(options.audience)
    .setIssuedAt()
    .setExpirationTime(`${lifetimeOf(options)}s`)
    .sign(key)
}

/** Named by its thumbprint (RFC 7638), so that the same key has the same name wherever it is. */
async function publicJwk(key: KeyObject): Promise<JWK> {
  const jwk = createPublicKey(key).export({ format: 'jwk' }) as JWK
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), use: 'sig', alg: 'EdDSA' }
}

const lifetimeOf = ({ lifetimeSeconds = DEFAULT_LIFETIME }: Pick<ServiceTokenOptions, 'lifetimeSeconds'>) =>
  lifetimeSeconds

function checkOptions(options: ServiceTokenOptions): KeyObject {
  const issues: Issue[] = []
  const wrong = (path: string, message: string) => void issues.push({ path, message })
  for (const name of ['issuer', 'audience'] as const) if (!options[name]) wrong(name, 'is empty')
  if (options.subject === '') wrong('subject', 'is empty')
  if (options.scopes.length === 0 || !options.scopes.every((scope) => SCOPES.includes(scope)))
    wrong('scopes', `wanted: any of ${SCOPES.join(', ')}`)
  const lifetime = lifetimeOf(options)
  if (!Number.isInteger(lifetime) || lifetime < 60 || lifetime > 3600)
    wrong('lifetimeSeconds', `is ${lifetime}; wanted: a whole number from 60 to 3600`)
  const key = collectIssues(issues, () => signingKeyOf(options.signingKey), 'signingKey')
  if (key && issues.length === 0) return key
  throw new InvalidError('CONFIGURATION_INVALID', 'no tokens can be made', issues)
}
