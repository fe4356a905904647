import type { App } from '../../app/app.ts'
import type { Config } from '../../config/config.ts'
import { InvalidError, toError, type Issue } from '../../core/errors.ts'
import type { SettingsPatch, SettingValues } from '../../core/settings.ts'
import { jobGroup } from '../../schedule/job-group.ts'
import { timetable } from '../../schedule/timetable.ts'
import { SettingsService } from '../../settings/settings-service.ts'
import type { ServiceSecurity } from './access.ts'
import type { ServiceOptions } from './options.ts'
import { AUDIT_GROUP } from './stream-workers.ts'

/** The app as it was written, and with what the service adds to it. */
export interface Apps {
  declared: App
  complete: App
}

/** The settings of a service, which it follows from when they are opened: log and rate limit here, the rest in its parts. */
export function serviceSettings(
  { config, logger }: Pick<ServiceOptions, 'config' | 'logger'>,
  apps: Apps,
  { rates }: Pick<ServiceSecurity, 'rates'>,
): SettingsService {
  const settings = new SettingsService({
    configured: configuredSettings(config, apps),
    log: logger.for('settings'),
    check: (patch) => [...jobIssues(patch, apps.complete), ...groupIssues(patch, apps.complete)],
  })
  const limit = () => {
    const { 'rateLimit.max': max, 'rateLimit.windowMs': windowMs } = settings.values
    rates.configure(max === 0 ? undefined : { max, windowMs })
  }
  settings.onChange('log.level', (level) => void (logger.level = level))
  settings.onChange('rateLimit.max', limit)
  settings.onChange('rateLimit.windowMs', limit)
  return settings
}

/** What holds where operators have set nothing. */
export function configuredSettings(config: Config, { declared, complete }: Apps): SettingValues {
  const { log, rateLimit, rateLimitWindowMs, consumers } = config
  return {
    'log.level': log.level,
    'rateLimit.max': rateLimit?.max ?? 0,
    'rateLimit.windowMs': rateLimit?.windowMs ?? rateLimitWindowMs,
    concurrency: consumers.concurrency,
    batchSize: consumers.batchSize,
    groups: concurrencies(declared),
    streams: {},
    pipelines: {},
    jobs: Object.fromEntries(
      complete.jobs.map(({ name, schedule }) => [
        name,
        { enabled: true, ...(typeof schedule === 'string' && { cron: schedule }) },
      ]),
    ),
  }
}

/** By stream and group, where the app says one. */
function concurrencies({ handlers }: App): SettingValues['groups'] {
  const groups = new Map<string, [group: string, concurrency: number][]>()
  for (const { stream, options } of handlers)
    if (options.concurrency !== undefined)
      groups.set(stream, [...(groups.get(stream) ?? []), [options.group, options.concurrency]])
  return Object.fromEntries([...groups].map(([stream, entries]) => [stream, Object.fromEntries(entries)]))
}

/** What is taken away may be gone from the app by now; what is set must be there. */
function jobIssues({ jobs }: SettingsPatch, { jobs: declared }: App): Issue[] {
  return Object.entries(jobs ?? {}).flatMap(([name, setting]) => {
    if (!setting) return []
    const job = declared.find((one) => one.name === name)
    if (!job) return [{ path: `jobs.${name}`, message: 'is no job of this app' }]
    return typeof setting.cron === 'string' ? cronIssues(`jobs.${name}.cron`, setting.cron) : []
  })
}

function cronIssues(path: string, cron: string): Issue[] {
  try {
    timetable(cron)
    return []
  } catch (error) {
    const faults = error instanceof InvalidError ? error.issues : []
    return faults.length > 0
      ? faults.map(({ message }) => ({ path, message }))
      : [{ path, message: toError(error).message }]
  }
}

function groupIssues({ groups }: SettingsPatch, app: App): Issue[] {
  const jobs = jobGroup(app.jobs)
  const isKnown = (stream: string, group: string) =>
    group === AUDIT_GROUP ||
    (stream === jobs?.stream.name && group === jobs.group) ||
    app.handlers.some((one) => one.stream === stream && one.options.group === group)
  return Object.entries(groups ?? {}).flatMap(([stream, byGroup]) =>
    Object.entries(byGroup ?? {}).flatMap(([group, concurrency]) =>
      concurrency === null || isKnown(stream, group)
        ? []
        : [{ path: `groups.${stream}.${group}`, message: 'is no group of this app' }],
    ),
  )
}
