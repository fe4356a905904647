import { collectIssues, InvalidError, type Issue } from './errors.ts'
import { checkName } from './names.ts'
import {
  LOG_LEVELS,
  PIPELINE_STATES,
  STREAM_STATES,
  type SettingName,
  type Settings,
  type SettingsPatch,
  type SettingValues,
} from './settings.ts'

/** Adds what is wrong with a value. `removable`: within a patch, where null takes something away. */
type Check = (value: unknown, path: string, issues: Issue[], removable: boolean) => void

/** More would make every look at the settings a large one; the record of changes keeps each a thousand times. */
const MAX_NAMES = 1_000
const MAX_LENGTH = 32_768

const wholeNumber =
  (min: number, max: number): Check =>
  (value, path, issues) => {
    const holds = Number.isInteger(value) && (value as number) >= min && (value as number) <= max
    if (!holds) issues.push({ path, message: `must be a whole number from ${min} to ${max}` })
  }

const oneOf =
  (words: readonly string[]): Check =>
  (value, path, issues) => {
    if (!words.includes(value as string)) issues.push({ path, message: `must be one of ${words.join(', ')}` })
  }

const byName =
  (what: string, check: Check): Check =>
  (value, path, issues, removable) => {
    if (!isObject(value)) return void issues.push({ path, message: `must be an object by ${what}` })
    const entries = Object.entries(value)
    if (entries.length > MAX_NAMES)
      return void issues.push({ path, message: `must have at most ${MAX_NAMES} names` })
    for (const [name, each] of entries) {
      const inner = `${path}.${name.slice(0, 100)}`
      collectIssues(issues, () => checkName(what, name), inner)
      if (!(removable && each === null)) check(each, inner, issues, removable)
    }
  }

const JOB: Readonly<Record<string, Check>> = {
  cron: (value, path, issues) => {
    const holds = typeof value === 'string' && value.length <= 200 && value.trim() !== ''
    if (!holds) issues.push({ path, message: 'must be a cron pattern' })
  },
  enabled: (value, path, issues) => {
    if (typeof value !== 'boolean') issues.push({ path, message: 'must be true or false' })
  },
}

const job: Check = (value, path, issues, removable) => {
  if (!isObject(value)) return void issues.push({ path, message: 'must be an object of cron and enabled' })
  for (const [name, each] of Object.entries(value)) {
    const inner = `${path}.${name.slice(0, 100)}`
    const check = Object.hasOwn(JOB, name) ? JOB[name] : undefined
    if (!check) issues.push({ path: inner, message: 'is unknown; a job has cron and enabled' })
    else if (!(removable && each === null)) check(each, inner, issues, removable)
  }
}

const CONCURRENCY = wholeNumber(1, 10_000)

/** The same limits as the variables of the configuration have. */
const CHECKS: Readonly<Record<SettingName, Check>> = {
  'log.level': oneOf(LOG_LEVELS),
  'rateLimit.max': wholeNumber(0, 1_000_000_000),
  'rateLimit.windowMs': wholeNumber(1_000, 86_400_000),
  concurrency: CONCURRENCY,
  batchSize: wholeNumber(1, 10_000),
  groups: byName('stream name', byName('group name', CONCURRENCY)),
  streams: byName('stream name', oneOf(STREAM_STATES)),
  jobs: byName('job name', job),
  pipelines: byName('pipeline name', oneOf(PIPELINE_STATES)),
}

export const SETTING_NAMES = Object.keys(CHECKS) as readonly SettingName[]

/** Settings by stream, group, job or pipeline, which are put together name by name. */
const BY_NAME: ReadonlySet<SettingName> = new Set(['groups', 'streams', 'jobs', 'pipelines'])

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** @throws InvalidError `SETTING_INVALID` with every mistake */
export function checkSettings(patch: unknown): SettingsPatch {
  const issues: Issue[] = []
  if (!isObject(patch) || Object.keys(patch).length === 0)
    issues.push({ path: '', message: 'must be an object with at least one setting' })
  else
    for (const [name, value] of Object.entries(patch)) {
      const check = Object.hasOwn(CHECKS, name) ? CHECKS[name as SettingName] : undefined
      if (!check)
        issues.push({
          path: name.slice(0, 100),
          message: `is no setting; there are ${SETTING_NAMES.join(', ')}`,
        })
      else if (value !== null) check(value, name, issues, true)
    }
  if (issues.length > 0) throw invalidSettings(issues)
  return patch as SettingsPatch
}

export const invalidSettings = (issues: readonly Issue[]): InvalidError =>
  new InvalidError('SETTING_INVALID', 'the settings can not be changed like this', issues)

/** What is wrong with a setting as a whole; empty where it makes sense. */
export function faultsOf(name: SettingName, value: unknown): readonly Issue[] {
  const issues: Issue[] = []
  CHECKS[name](value, name, issues, false)
  if (issues.length === 0 && JSON.stringify(value).length > MAX_LENGTH)
    issues.push({ path: name, message: `must have at most ${MAX_LENGTH} characters as JSON` })
  return issues
}

/** The settings after a patch: what it sets to null is gone, and what is empty then as well. */
export function patched(settings: Settings, patch: SettingsPatch): Settings {
  const result = new Map(Object.entries(settings))
  for (const [name, value] of Object.entries(patch)) {
    if (value === undefined) continue
    const merged = BY_NAME.has(name as SettingName) ? merge(result.get(name), value) : value
    if (merged === null) result.delete(name)
    else result.set(name, merged as never)
  }
  return Object.fromEntries(result)
}

/** Overrides laid over what is configured. */
export function overlaid(configured: SettingValues, overrides: Settings): SettingValues {
  const entries = SETTING_NAMES.map((name) => {
    const override = overrides[name]
    const value = BY_NAME.has(name) ? merge(configured[name], override ?? {}) : override
    return [name, value ?? configured[name]]
  })
  return Object.fromEntries(entries) as SettingValues
}

/** As a JSON merge patch (RFC 7396) does it; null where nothing is left. Safe for a name such as `__proto__`. */
function merge(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const result = new Map(isObject(target) ? Object.entries(target) : [])
  for (const [name, value] of Object.entries(patch)) {
    const merged = value === null ? null : merge(result.get(name), value)
    if (merged === null) result.delete(name)
    else result.set(name, merged)
  }
  return result.size === 0 ? null : Object.fromEntries(result)
}
