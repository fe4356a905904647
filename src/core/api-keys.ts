import type { Scope } from './access.ts'
import type { Operator } from './action-record.ts'
import type { Service } from './service.ts'

/** A key of the API, as far as anybody may know it. Times in ISO 8601 in UTC. */
export interface ApiKeyInfo {
  readonly name: string
  readonly scopes: readonly Scope[]
  /** Absent where it never does. */
  readonly expiresAt?: string
  /** `configured` in `API_KEYS` of this instance, or `stored` for all instances by an operator. */
  readonly origin: 'configured' | 'stored'
  /** Of a stored one: when and by whom it was made. */
  readonly createdAt?: string
  readonly createdBy?: string
}

export interface NewApiKey {
  name: string
  scopes: readonly Scope[]
  /** An ISO date (its first moment in UTC) or date-time; without it the key does not expire. */
  expires?: string
}

/** A change of the stored keys, newest first. It never shows a key, or what could tell one. */
export interface ApiKeyChange {
  readonly id: string
  readonly time: string
  readonly action: 'create-key' | 'delete-key'
  readonly name: string
  readonly actor: string
  readonly reason: string
}

/** What an operator can do with keys. `REDIS_UNAVAILABLE` while they can't be reached. */
export interface KeyControl {
  /** All that are accepted, by their names. */
  list(): Promise<ApiKeyInfo[]>

  /**
   * Makes a key: accepted here before it resolves, elsewhere within a second, durably. The answer is the only place where
   * it is ever to be seen.
   *
   * @throws InvalidError `CONFIGURATION_INVALID` with every mistake; MillraceError `KEY_CONFLICT` where there is one of that
   *   name, or where it would lock out everybody from an API that was open
   */
  create(key: NewApiKey, operator: Operator): Promise<{ key: string; info: ApiKeyInfo }>

  /**
   * Takes a stored key away, as soon as `create` makes one.
   *
   * @param options `dryRun`: only answer what would be taken away
   * @throws MillraceError `UNKNOWN_KEY`; `KEY_CONFLICT` for a configured one, which says where it is, and for the last one
   *   of the scope `admin`, without which nobody could make another
   */
  delete(name: string, operator: Operator & { dryRun?: boolean }): Promise<ApiKeyInfo>

  /** The last changes, 100 at most. */
  changes(): Promise<ApiKeyChange[]>
}

/** What is kept of a key: its item is as in `API_KEYS`, which has its digest and never the key. */
export interface StoredKeyItem {
  readonly item: string
  readonly createdAt: string
  readonly createdBy: string
}

/** Keeps the keys of one service durably, for all of its instances. */
export interface KeyStore {
  /** By name; undefined for what can't be read. */
  read(): Promise<{ version: number; keys: ReadonlyMap<string, StoredKeyItem | undefined> }>
  /** @throws MillraceError `KEY_CONFLICT` where the keys have another version by now */
  write(
    name: string,
    item: StoredKeyItem | undefined,
    operator: Operator,
    expectedVersion: number,
  ): Promise<void>
  changes(): Promise<ApiKeyChange[]>
  /** Calls `onChange` soon after the keys changed, here or elsewhere; one call at a time. */
  watch(onChange: () => Promise<void>): Service
}
