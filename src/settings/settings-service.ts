import type { Operator } from '../core/action-record.ts'
import { MillraceError, toError, type Issue } from '../core/errors.ts'
import type { Log, Service } from '../core/service.ts'
import { checkSettings, invalidSettings, overlaid, SETTING_NAMES } from '../core/settings-check.ts'
import type {
  SettingName,
  SettingsChange,
  SettingsControl,
  SettingsHistoryPage,
  SettingsPatch,
  SettingsState,
  SettingsStore,
  SettingValues,
  VersionedSettings,
} from '../core/settings.ts'

export interface SettingsServiceOptions {
  /** What holds where no operator has set anything. */
  configured: SettingValues
  log: Log
  /** What else is wrong with a patch, such as a job that there is not. */
  check?: (patch: SettingsPatch) => readonly Issue[]
}

type Apply<N extends SettingName> = (value: SettingValues[N]) => void | Promise<void>

const NOTHING: VersionedSettings = { version: 0, settings: {} }

/**
 * What a service runs with while it runs: its configuration, overlaid by what operators have set on any instance. Parts
 * that can be changed register how; they are told the value at once, and again whenever another one holds. Until it is
 * opened, and while the store can't be reached, the last known settings hold.
 */
export class SettingsService implements SettingsControl {
  readonly #log: Log
  readonly #check: (patch: SettingsPatch) => readonly Issue[]
  readonly #appliers = new Map<SettingName, Apply<never>[]>()
  #configured: SettingValues
  #current: VersionedSettings = NOTHING
  #values: SettingValues
  #store: SettingsStore | undefined
  #watch: Service | undefined
  /** One after the other, so that what was read later is applied later. */
  #refreshing: Promise<void> = Promise.resolve()

  constructor({ configured, log, check = () => [] }: SettingsServiceOptions) {
    this.#configured = configured
    this.#values = configured
    this.#log = log
    this.#check = check
  }

  /** What holds now. */
  get values(): SettingValues {
    return this.#values
  }

  /** Reads what operators have set, applies it, and follows it from now on. */
  async open(store: SettingsStore): Promise<void> {
    this.#store = store
    await this.#refresh()
    this.#watch = store.watch(() => this.#refresh())
    await this.#watch.start()
  }

  async stop(deadlineMs: number): Promise<void> {
    await this.#watch?.stop(deadlineMs)
  }

  /** Registers how a setting takes effect; the first call comes at once. What it throws is logged. */
  async onChange<N extends SettingName>(name: N, apply: Apply<N>): Promise<void> {
    this.#appliers.set(name, [...(this.#appliers.get(name) ?? []), apply as Apply<never>])
    await this.#tell(name, apply as Apply<never>)
  }

  /** Takes over another configuration; what operators have set still wins. */
  async configure(configured: SettingValues): Promise<void> {
    this.#configured = configured
    await this.#apply()
  }

  async describe(): Promise<SettingsState> {
    await this.#open()
    await this.#refresh()
    const { version, settings } = this.#current
    const states = SETTING_NAMES.map((name) => ({
      name,
      value: this.#values[name],
      configured: this.#configured[name],
      override: settings[name] ?? null,
    }))
    return { version, settings: states }
  }

  async change(patch: unknown, operator: Operator, expectedVersion?: number): Promise<SettingsState> {
    const checked = checkSettings(patch)
    const issues = this.#check(checked)
    if (issues.length > 0) throw invalidSettings(issues)
    const { version } = await this.#open().change(checked, operator, expectedVersion)
    this.#log.info(
      { version, actor: operator.actor, settings: Object.keys(checked) },
      'Settings were changed',
    )
    return this.describe()
  }

  async history(page?: SettingsHistoryPage): Promise<{ records: SettingsChange[]; next?: string }> {
    return this.#open().history(page)
  }

  #open(): SettingsStore {
    if (this.#store) return this.#store
    throw new MillraceError('REDIS_UNAVAILABLE', 'the service has no connection to Redis yet; try again soon')
  }

  #refresh(): Promise<void> {
    const refreshed = this.#refreshing.then(async () => {
      this.#current = await this.#store!.read()
      await this.#apply()
    })
    this.#refreshing = refreshed.catch(() => {})
    return refreshed
  }

  async #apply(): Promise<void> {
    const before = this.#values
    this.#values = overlaid(this.#configured, this.#current.settings)
    for (const name of SETTING_NAMES) {
      if (JSON.stringify(before[name]) === JSON.stringify(this.#values[name])) continue
      for (const apply of this.#appliers.get(name) ?? []) await this.#tell(name, apply)
      this.#log.info({ setting: name, value: this.#values[name] }, `The setting ${name} is another one now`)
    }
  }

  /** One part that can't follow must not keep the others from it. */
  async #tell(setting: SettingName, apply: Apply<never>): Promise<void> {
    try {
      await apply(this.#values[setting] as never)
    } catch (error) {
      const line = `The setting ${setting} could not be applied: ${toError(error).message}`
      this.#log.error({ setting, error }, line)
    }
  }
}
