import { timingSafeEqual } from 'node:crypto'
import type { Caller } from '../core/access.ts'
import { InvalidError, type Issue } from '../core/errors.ts'
import { digestOfKey, parseKeys, type StoredKey } from './api-key.ts'

/** The keys that are accepted, by their digests. Two keys of one name may be valid at once, so that one can follow the other. */
export class ApiKeys {
  #keys: readonly StoredKey[]

  /**
   * @param items each `name:scopes:digest[:expires]`
   * @throws InvalidError `CONFIGURATION_INVALID` with every mistake
   */
  constructor(items: readonly string[]) {
    this.#keys = parse(items)
  }

  get size(): number {
    return this.#keys.length
  }

  get all(): readonly StoredKey[] {
    return this.#keys
  }

  /** The names of those that have expired. */
  get expired(): string[] {
    return this.#keys.filter(isExpired).map(({ name }) => name)
  }

  /** From now on these and no others are accepted. With a mistake in them, those from before are. */
  replace(items: readonly string[]): void {
    this.#keys = parse(items)
  }

  /** Whose key it is; undefined where it is nobody's, or has expired. */
  find(key: string): Caller | undefined {
    const digest = digestOfKey(key)
    let found: StoredKey | undefined
    // All of them, each in constant time: how long it takes says neither how much of a digest fits, nor which one does.
    for (const one of this.#keys) if (timingSafeEqual(one.digest, digest)) found = one
    return found && !isExpired(found) ? { name: found.name, scopes: found.scopes } : undefined
  }
}

export const isExpired = ({ expiresAt }: StoredKey): boolean => expiresAt <= Date.now()

function parse(items: readonly string[]): StoredKey[] {
  const issues: Issue[] = []
  const keys = parseKeys(items, issues)
  if (issues.length > 0) throw new InvalidError('CONFIGURATION_INVALID', 'API_KEYS can not be used', issues)
  return keys
}
