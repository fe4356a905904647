import type { Operator } from './action-record.ts'
import type { Service } from './service.ts'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** What becomes of a stream: read for the audit trail though nobody declared it, halted, or left alone. */
export const STREAM_STATES = ['followed', 'paused', 'removed'] as const
export type StreamState = (typeof STREAM_STATES)[number]

/** What becomes of a pipeline: it takes nothing more, on all instances. */
export const PIPELINE_STATES = ['paused'] as const
export type PipelineSetting = (typeof PIPELINE_STATES)[number]

/** How a job runs; what is left out stays as the app declares it. */
export interface JobSetting {
  /** A cron pattern, in the time zone of the job. */
  readonly cron?: string
  readonly enabled?: boolean
}

/** What can be changed while a service runs. */
export interface SettingValues {
  /** The least important lines to log. */
  'log.level': LogLevel
  /** How many requests a client may make in `rateLimit.windowMs`; 0 for any number. */
  'rateLimit.max': number
  'rateLimit.windowMs': number
  /** Handlers that run at once in each group whose concurrency nobody set. */
  concurrency: number
  /** Events in one call of a handler that takes batches, in each group whose size nobody set. */
  batchSize: number
  /** Concurrency by stream and group. */
  groups: ByName<ByName<number>>
  /** By their names; what is not among them is as the app declares it. */
  streams: ByName<StreamState>
  /** By their names. */
  jobs: ByName<JobSetting>
  /** By their names; what is not among them runs. */
  pipelines: ByName<PipelineSetting>
}

export type ByName<T> = Readonly<Record<string, T>>
export type SettingName = keyof SettingValues

/** What operators have set: it wins over what is configured until it is reset. */
export type Settings = Readonly<Partial<SettingValues>>

type Patch<T> = T extends object ? { readonly [N in keyof T]?: Patch<Exclude<T[N], undefined>> | null } : T

/** What to change: null takes an operator's setting away, of a setting by name also a single one. */
export type SettingsPatch = { readonly [N in SettingName]?: Patch<SettingValues[N]> | null }

export interface VersionedSettings {
  /** Grows by 1 with each change; 0 when there was none. */
  readonly version: number
  readonly settings: Settings
}

/** A change, written in the same step as the deed itself, so neither is there alone. */
export interface SettingsChange {
  /** Grows in the order in which things were changed. */
  readonly id: string
  /** ISO 8601 in UTC, by the clock of the server. */
  readonly time: string
  /** Which the settings had afterwards. */
  readonly version: number
  readonly actor: string
  readonly reason: string
  /** What operators had set before and after; null for nothing. */
  readonly changes: readonly { readonly name: string; readonly from: unknown; readonly to: unknown }[]
}

export interface SettingsHistoryPage {
  /** Where the page before ended; without it, the newest changes. */
  after?: string
  /** How many at most, 1 to 500 (50). */
  limit?: number
}

/** Keeps the settings of one service durably, for all of its instances. */
export interface SettingsStore {
  /** What does not make sense, since it was written by hand or by another version, is logged and left out. */
  read(): Promise<VersionedSettings>

  /**
   * Changes settings and records who did it and why, in one step. What changes nothing is not recorded.
   *
   * @param patch as `checkSettings` answered it
   * @param expectedVersion which the settings must have; without it, whichever they have
   * @throws MillraceError `SETTING_CONFLICT` where they have another one
   */
  change(patch: SettingsPatch, operator: Operator, expectedVersion?: number): Promise<VersionedSettings>

  /** What was changed, newest first; about 1000 changes are kept. `next` is absent at the end. */
  history(page?: SettingsHistoryPage): Promise<{ records: SettingsChange[]; next?: string }>

  /**
   * Calls `onChange` soon after the settings changed, here or elsewhere, also when that happened while the store could not
   * be reached. One call at a time; one that rejects is made again.
   */
  watch(onChange: () => Promise<void>): Service
}

/** One setting as it stands. */
export interface SettingState {
  readonly name: SettingName
  /** What holds. */
  readonly value: unknown
  readonly configured: unknown
  /** What operators have set; null for nothing. */
  readonly override: unknown
}

export interface SettingsState {
  readonly version: number
  readonly settings: readonly SettingState[]
}

/** What an operator can do with the settings of a service. `REDIS_UNAVAILABLE` while they can't be reached. */
export interface SettingsControl {
  /** The newest state; what other instances set just now is in it. */
  describe(): Promise<SettingsState>

  /**
   * Changes settings on all instances: here before it resolves, elsewhere within a second, durably.
   *
   * @param patch a SettingsPatch, once it is checked
   * @throws InvalidError `SETTING_INVALID` with every mistake, MillraceError `SETTING_CONFLICT` where the settings are not
   *   at the expected version
   */
  change(patch: unknown, operator: Operator, expectedVersion?: number): Promise<SettingsState>

  history(page?: SettingsHistoryPage): Promise<{ records: SettingsChange[]; next?: string }>
}
