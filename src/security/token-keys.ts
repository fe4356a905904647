import { readFileSync } from 'node:fs'
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  type JSONWebKeySet,
  type JWK,
  type JWTVerifyGetKey,
} from 'jose'
import { MillraceError, toError } from '../core/errors.ts'
import type { Log } from '../core/service.ts'

/** How long fetched keys are used, in ms: a key that its issuer takes back is refused after that. */
const CACHE_MS = 600_000
/** The pause between two fetches, in ms, whatever comes in: an unknown key in a token is a reason for one, and so is a failure. */
const COOLDOWN_MS = 30_000
const FAILURE_COOLDOWN_MS = 5_000
const FETCH_TIMEOUT_MS = 3_000

/**
 * The keys at a URL, fetched when they are first needed and kept for ten minutes. While they can't be fetched, tokens
 * are answered with `TOKEN_KEYS_UNAVAILABLE`: they may be right, and nobody can say.
 */
export function remoteKeys(url: string, log: Log): JWTVerifyGetKey {
  const keys = createRemoteJWKSet(new URL(url), {
    cacheMaxAge: CACHE_MS,
    cooldownDuration: COOLDOWN_MS,
    timeoutDuration: FETCH_TIMEOUT_MS,
    [customFetch]: pausingFetch(log),
  })
  return async (header, token) => {
    try {
      return await keys(header, token)
    } catch (cause) {
      if (isAboutToken(cause)) throw cause
      throw new MillraceError(
        'TOKEN_KEYS_UNAVAILABLE',
        'the keys that tokens are checked with can not be fetched now; try again soon',
        { cause },
      )
    }
  }
}

/** Everything else is about the fetch, or about what came of it. */
const isAboutToken = (error: unknown): boolean =>
  error instanceof errors.JWKSNoMatchingKey ||
  error instanceof errors.JWKSMultipleMatchingKeys ||
  error instanceof errors.JOSENotSupported

/** After a failure it fails at once for a while, so that a flood of tokens makes no flood of fetches. */
function pausingFetch(log: Log): typeof fetch {
  let failure: { error: Error; until: number } | undefined
  return async (input, init) => {
    if (failure && performance.now() < failure.until) throw failure.error
    try {
      const response = await fetch(input, init)
      if (response.status !== 200) throw new Error(`it answered ${response.status}`)
      const set = parseKeySet(await response.text())
      failure = undefined
      return Response.json(set)
    } catch (thrown) {
      const error = toError(thrown)
      failure = { error, until: performance.now() + FAILURE_COOLDOWN_MS }
      log.warn({ error }, `The keys for tokens can't be fetched: ${error.message}`)
      throw thrown
    }
  }
}

/** @throws Error with what is wrong with the file, and nothing of what it holds */
export function fileKeys(path: string): JWTVerifyGetKey {
  const { keys } = parseKeySet(readFileSync(path, 'utf8'))
  // A private key here would be everywhere; a symmetric one would let everybody sign who may check.
  if (keys.some((key: JWK) => key?.d !== undefined || key?.k !== undefined))
    throw new Error('it holds private keys; wanted: public ones only')
  return createLocalJWKSet({ keys })
}

function parseKeySet(text: string): JSONWebKeySet {
  const { keys } = (parse(text) ?? {}) as { keys?: unknown }
  if (!Array.isArray(keys) || keys.length === 0) throw new Error('it holds no list of keys')
  return { keys }
}

/** The parser shows what it could not read. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('it is not JSON')
  }
}
