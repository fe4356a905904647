import { checkOperator, type Operator } from '../../core/action-record.ts'
import type { ApiKeyChange, KeyStore, StoredKeyItem } from '../../core/api-keys.ts'
import { MillraceError } from '../../core/errors.ts'
import type { Service } from '../../core/service.ts'
import type { Connection } from '../connection.ts'
import { slotPrefix } from '../slots.ts'
import { toChange } from './settings-change.ts'
import { VersionedHash, type VersionedHashOptions } from './versioned-hash.ts'

const prefix = (service: string) => slotPrefix(`millrace:keys:${encodeURIComponent(service)}`)

/** Hash: `version`, `change`, and each key by its name behind `key:`, as JSON with its digest. */
export const keysKey = (service: string): string => `${prefix(service)}values`

/** Stream: who made and deleted which key, about 1000 records. */
export const keyChangesKey = (service: string): string => `${prefix(service)}changes`

const FIELD = 'key:'
const CHANGES_SHOWN = 100

/** The keys of a service in Redis: written, and written down, like its settings. */
export class RedisKeyStore implements KeyStore {
  readonly #hash: VersionedHash

  /** @param service by its name: services that share a Redis have keys of their own */
  constructor(connection: Connection, service: string, options: VersionedHashOptions = {}) {
    this.#hash = new VersionedHash(connection, keysKey(service), keyChangesKey(service), options)
  }

  async read() {
    const flat = await this.#hash.sender.send<string[]>(['HGETALL', this.#hash.values])
    const keys = new Map<string, StoredKeyItem | undefined>()
    let version = 0
    for (let at = 0; at < flat.length; at += 2) {
      const [name, text] = [flat[at]!, flat[at + 1]!]
      if (name === 'version' && /^\d{1,15}$/.test(text)) version = Number(text)
      if (name.startsWith(FIELD)) keys.set(name.slice(FIELD.length), parse(text))
    }
    return { version, keys }
  }

  async write(name: string, item: StoredKeyItem | undefined, operator: Operator, expectedVersion: number) {
    const { actor, reason } = checkOperator(operator)
    const text = item === undefined ? '' : JSON.stringify(item)
    const args = [String(expectedVersion), actor, reason, FIELD + name, text]
    const [done] = await this.#hash.change(args)
    if (done === 1) return
    throw new MillraceError(
      'KEY_CONFLICT',
      'somebody changed the keys meanwhile; look at them, and try again',
    )
  }

  async changes(): Promise<ApiKeyChange[]> {
    const range = ['+', '-', 'COUNT', String(CHANGES_SHOWN)]
    const rows = await this.#hash.sender.send<[string, string[]][]>([
      'XREVRANGE',
      this.#hash.changes,
      ...range,
    ])
    return rows.map((row) => {
      const { id, time, actor, reason, changes } = toChange(row)
      const [change] = changes
      const action = change?.to === null ? 'delete-key' : 'create-key'
      return { id, time, action, name: change?.name.slice(FIELD.length) ?? '', actor, reason }
    })
  }

  watch(onChange: () => Promise<void>): Service {
    return this.#hash.watch(onChange)
  }
}

/** Undefined for what somebody else wrote there. */
function parse(text: string): StoredKeyItem | undefined {
  try {
    const { item, createdAt, createdBy } = JSON.parse(text) as Partial<Record<string, unknown>>
    const texts = [item, createdAt, createdBy]
    if (!texts.every((one) => typeof one === 'string')) return undefined
    return { item, createdAt, createdBy } as StoredKeyItem
  } catch {
    return undefined
  }
}
