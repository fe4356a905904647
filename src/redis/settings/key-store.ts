import { checkOperator, type Operator } from '../../core/action-record.ts'
import type { ApiKeyChange, KeyStore, StoredKeyItem } from '../../core/api-keys.ts'
import { MillraceError } from '../../core/errors.ts'
import { noLog, type Log, type Service } from '../../core/service.ts'
import type { Connection, Sender } from '../connection.ts'
import { PatientConnection } from '../connections/patient.ts'
import { slotPrefix } from '../slots.ts'
import { toChange } from './settings-change.ts'
import { changeScript } from './settings-script.ts'
import { SettingsWatch } from './settings-watch.ts'

const prefix = (service: string) => slotPrefix(`millrace:keys:${encodeURIComponent(service)}`)

/** Hash: `version`, `change`, and each key by its name behind `key:`, as JSON with its digest. */
export const keysKey = (service: string): string => `${prefix(service)}values`

/** Stream: who made and deleted which key, about 1000 records. */
export const keyChangesKey = (service: string): string => `${prefix(service)}changes`

const FIELD = 'key:'
const CHANGES_SHOWN = 100

/** The keys of a service in Redis: written, and written down, like its settings. */
export class RedisKeyStore implements KeyStore {
  readonly #connection: Connection
  readonly #sender: Sender
  readonly #values: string
  readonly #changes: string
  readonly #log: Log

  /** @param service by its name: services that share a Redis have keys of their own */
  constructor(
    connection: Connection,
    service: string,
    options: { log?: Log; offlineTimeoutMs?: number } = {},
  ) {
    this.#connection = connection
    this.#sender = new PatientConnection(connection, options.offlineTimeoutMs)
    this.#values = keysKey(service)
    this.#changes = keyChangesKey(service)
    this.#log = options.log ?? noLog
  }

  async read() {
    const flat = await this.#sender.send<string[]>(['HGETALL', this.#values])
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
    const [done] = await changeScript.run(this.#sender, [this.#values, this.#changes], args)
    if (done === 1) return
    throw new MillraceError(
      'KEY_CONFLICT',
      'somebody changed the keys meanwhile; look at them, and try again',
    )
  }

  async changes(): Promise<ApiKeyChange[]> {
    const range = ['+', '-', 'COUNT', String(CHANGES_SHOWN)]
    const rows = await this.#sender.send<[string, string[]][]>(['XREVRANGE', this.#changes, ...range])
    return rows.map((row) => {
      const { id, time, actor, reason, changes } = toChange(row)
      const [change] = changes
      const action = change?.to === null ? 'delete-key' : 'create-key'
      return { id, time, action, name: change?.name.slice(FIELD.length) ?? '', actor, reason }
    })
  }

  watch(onChange: () => Promise<void>): Service {
    return new SettingsWatch(() => this.#mark(), onChange, this.#log)
  }

  /** See RedisSettings: it differs after every change, also after a failover that lost the last ones. */
  async #mark(): Promise<string> {
    const marks = await this.#connection.send<(string | null)[]>(['HMGET', this.#values, 'version', 'change'])
    return JSON.stringify(marks)
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
