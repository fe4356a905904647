import { checkOperator, type Operator } from '../../core/action-record.ts'
import { MillraceError } from '../../core/errors.ts'
import type { Service } from '../../core/service.ts'
import { faultsOf, invalidSettings, patched, SETTING_NAMES } from '../../core/settings-check.ts'
import type {
  SettingName,
  Settings,
  SettingsChange,
  SettingsHistoryPage,
  SettingsPatch,
  SettingsStore,
  VersionedSettings,
} from '../../core/settings.ts'
import type { Connection } from '../connection.ts'
import { replyCode } from '../errors.ts'
import { checkPage } from '../operations/action-record.ts'
import { toChange } from './settings-change.ts'
import { changesKey, settingsKey } from './settings-script.ts'
import { VersionedHash, type VersionedHashOptions } from './versioned-hash.ts'

/** How often a change without an expected version is made again on top of what others changed meanwhile. */
const MAX_ROUNDS = 20

/**
 * The settings of a service in Redis: a hash, and a stream as the record of changes.
 *
 * @example
 * const settings = new RedisSettings(connection, 'orders')
 * await settings.change({ 'log.level': 'debug' }, { actor: 'ada', reason: 'looking into slow orders' })
 */
export class RedisSettings implements SettingsStore {
  readonly #hash: VersionedHash

  /** @param service by its name: services that share a Redis have settings of their own */
  constructor(connection: Connection, service: string, options: VersionedHashOptions = {}) {
    this.#hash = new VersionedHash(connection, settingsKey(service), changesKey(service), options)
  }

  async read(): Promise<VersionedSettings> {
    const { version, settings } = await this.#read()
    return { version, settings }
  }

  async change(
    patch: SettingsPatch,
    operator: Operator,
    expectedVersion?: number,
  ): Promise<VersionedSettings> {
    const { actor, reason } = checkOperator(operator)
    for (let round = 1; ; round++) {
      const { version, settings, stored } = await this.#read()
      if (expectedVersion !== undefined && expectedVersion !== version)
        throw conflict(version, expectedVersion)
      const next = patched(settings, patch)
      refuseImpossible(next)
      const differing = differences(stored, next, patch)
      if (differing.length === 0) return { version, settings }
      const args = [String(version), actor, reason, ...differing.flat()]
      const [done, now] = await this.#hash.change(args)
      if (done === 1) return { version: now, settings: next }
      if (expectedVersion !== undefined || round === MAX_ROUNDS) throw conflict(now, version)
    }
  }

  async history({ after, limit = 50 }: SettingsHistoryPage = {}) {
    checkPage(limit, after)
    const range = [after === undefined ? '+' : `(${after}`, '-', 'COUNT', String(limit)]
    const rows = await this.#hash.sender.send<[string, string[]][]>([
      'XREVRANGE',
      this.#hash.changes,
      ...range,
    ])
    const records: SettingsChange[] = rows.map(toChange)
    return records.length < limit ? { records } : { records, next: records.at(-1)!.id }
  }

  watch(onChange: () => Promise<void>): Service {
    return this.#hash.watch(onChange)
  }

  async #read(): Promise<VersionedSettings & { stored: ReadonlyMap<string, string> }> {
    const flat = await this.#hash.sender
      .send<string[]>(['HGETALL', this.#hash.values])
      .catch((error: unknown) => {
        if (replyCode(error) !== 'WRONGTYPE') throw error
        this.#hash.log.error(
          { key: this.#hash.values, error },
          'The key of the settings holds something else; delete it',
        )
        return []
      })
    const stored = new Map<string, string>()
    for (let at = 0; at < flat.length; at += 2) stored.set(flat[at]!, flat[at + 1]!)
    const version = stored.get('version') ?? '0'
    return {
      version: /^\d{1,15}$/.test(version) ? Number(version) : 0,
      settings: this.#parse(stored),
      stored,
    }
  }

  #parse(stored: ReadonlyMap<string, string>): Settings {
    const known = SETTING_NAMES.flatMap((name) => {
      const text = stored.get(name)
      const value = text === undefined ? undefined : this.#parseOne(name, text)
      return value === undefined ? [] : [[name, value] as const]
    })
    return Object.fromEntries(known)
  }

  #parseOne(setting: SettingName, text: string): unknown {
    let message: string | undefined
    try {
      const value: unknown = JSON.parse(text)
      message = faultsOf(setting, value)[0]?.message
      if (message === undefined) return value
    } catch {
      message = 'is no JSON'
    }
    this.#hash.log.error(
      { setting },
      `The stored setting ${setting} is left out: ${message}; set it anew, or to null`,
    )
    return undefined
  }
}

/** Patches that make sense one by one can add up to too much. */
function refuseImpossible(settings: Settings): void {
  const faults = Object.entries(settings).flatMap(([name, value]) => faultsOf(name as SettingName, value))
  if (faults.length > 0) throw invalidSettings(faults)
}

/** Names and values to write, `''` to take away: what the patch touches and Redis holds differently, corrupt or not. */
function differences(
  stored: ReadonlyMap<string, string>,
  next: Settings,
  patch: SettingsPatch,
): [name: string, text: string][] {
  return (Object.keys(patch) as SettingName[])
    .map((name): [string, string] => [name, next[name] === undefined ? '' : JSON.stringify(next[name])])
    .filter(([name, text]) => text !== (stored.get(name) ?? ''))
}

const conflict = (version: number, expected: number) =>
  new MillraceError(
    'SETTING_CONFLICT',
    `the settings are at version ${version}, not ${expected}: somebody changed them meanwhile; look, and change them again`,
  )
