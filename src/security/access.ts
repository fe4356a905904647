import type { AccessControl, Caller } from '../core/access.ts'
import { MillraceError } from '../core/errors.ts'
import { startsLikeKey } from './api-key.ts'
import type { ApiKeys } from './api-keys.ts'
import { notAccepted } from './not-accepted.ts'
import type { TokenVerifier } from './token-verifier.ts'

/**
 * Tells callers by their API keys, and by tokens where those are accepted. Where neither is set up it is open; once
 * closed it stays so.
 */
export class Access implements AccessControl {
  readonly #keys: ApiKeys
  readonly #tokens: TokenVerifier | undefined
  #open: boolean

  constructor(keys: ApiKeys, tokens?: TokenVerifier) {
    this.#keys = keys
    this.#tokens = tokens
    this.#open = keys.size === 0 && !tokens
  }

  get open(): boolean {
    return this.#open
  }

  /**
   * From now on these API keys and no others are accepted, as in `API_KEYS`.
   *
   * @throws MillraceError `CONFIGURATION_INVALID` with every mistake, or where no key would be left and no tokens are
   *   accepted; what was accepted before still is
   */
  replace(items: readonly string[]): void {
    if (items.length === 0 && !this.#open && !this.#tokens)
      throw new MillraceError(
        'CONFIGURATION_INVALID',
        'API_KEYS is empty, which would lock everybody out: keep one key, or restart the service without any',
      )
    this.#keys.replace(items)
    if (this.#keys.size > 0) this.#open = false
  }

  async authenticate(headers: Headers): Promise<Caller | undefined> {
    const credential = credentialOf(headers)
    if (credential === undefined) return undefined
    if (startsLikeKey(credential)) return this.#keys.find(credential) ?? refuse()
    return (await this.#tokens?.verify(credential)) ?? refuse()
  }
}

const BEARER = /^bearer +([^\s,]+)$/i

/** A key has a header of its own too, since gateways use `Authorization` for themselves. Empty for what is of no known form. */
function credentialOf(headers: Headers): string | undefined {
  const authorization = headers.get('authorization')
  const bearer = authorization === null ? undefined : BEARER.exec(authorization)?.[1]
  const key = headers.get('x-api-key')
  if (bearer !== undefined) return bearer
  // A token in the header for keys is refused like a key that nobody has.
  if (key !== null) return startsLikeKey(key) ? key : ''
  return authorization === null ? undefined : ''
}

function refuse(): never {
  throw notAccepted()
}
