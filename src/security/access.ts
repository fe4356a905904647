import type { AccessControl, Caller } from '../core/access.ts'
import { MillraceError } from '../core/errors.ts'
import { startsLikeKey, type StoredKey } from './api-key.ts'
import { ApiKeys } from './api-keys.ts'
import { notAccepted } from './not-accepted.ts'
import type { TokenVerifier } from './token-verifier.ts'

/**
 * Tells callers by their API keys, configured and stored ones, and by tokens where those are accepted. Where none of
 * these is set up it is open; once closed it stays so.
 */
export class Access implements AccessControl {
  readonly #keys: ApiKeys
  readonly #tokens: TokenVerifier | undefined
  readonly #stored = new ApiKeys([])
  #open: boolean

  constructor(keys: ApiKeys, tokens?: TokenVerifier) {
    this.#keys = keys
    this.#tokens = tokens
    this.#open = keys.size === 0 && !tokens
  }

  get open(): boolean {
    return this.#open
  }

  /** The keys of `API_KEYS`. */
  get configured(): readonly StoredKey[] {
    return this.#keys.all
  }

  /** Whether callers can come with tokens, so that nobody is locked out without keys. */
  get takesTokens(): boolean {
    return this.#tokens !== undefined
  }

  /**
   * From now on these keys, which operators have made, are accepted beside the configured ones. Where there is any, be it
   * one that can't be read, it is open no more.
   */
  adopt(items: readonly string[], { unreadable = 0 }: { unreadable?: number } = {}): void {
    this.#stored.replace(items)
    if (this.#stored.size + unreadable > 0) this.#open = false
  }

  /**
   * From now on these API keys and no others are accepted, as in `API_KEYS`.
   *
   * @throws MillraceError `CONFIGURATION_INVALID` with every mistake, or where no key would be left and no tokens are
   *   accepted; what was accepted before still is
   */
  replace(items: readonly string[]): void {
    if (items.length === 0 && this.#stored.size === 0 && !this.#open && !this.#tokens)
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
    if (startsLikeKey(credential))
      return this.#keys.find(credential) ?? this.#stored.find(credential) ?? refuse()
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
