import { hostname } from 'node:os'
import type { App, GroupDeclaration } from '../../app/app.ts'
import type { ConsumerDefaults } from '../../config/config.ts'
import { uniqueName } from '../../core/unique-name.ts'
import { inTimezone } from '../../schedule/job.ts'
import type { ServiceOptions } from './options.ts'
import { servicePipelines } from './pipelines.ts'
import { readingDefaults } from './reading-defaults.ts'
import { testEventGroup, testEventJob } from './test-events.ts'

/**
 * What the service runs: the app, with what the configuration says where the app says nothing, the service's own test
 * events, and the pipelines of the configuration.
 *
 * @throws InvalidError `CONFIGURATION_INVALID`
 */
export function completeApp(options: Pick<ServiceOptions, 'app' | 'config' | 'env' | 'logger'>): App {
  const { app, config, logger } = options
  const group = testEventGroup(app, config.stream, logger.for('test-events'))
  const job = testEventJob(config.stream, config.testEventIntervalMs)
  const handlers = group ? [...app.handlers, group] : app.handlers
  const jobs = job ? [...app.jobs, job] : app.jobs
  return {
    ...app,
    handlers: handlers.map((handler) => withDefaults(handler, config.consumers)),
    jobs: jobs.map((one) => inTimezone(one, config.timezone)),
    pipelines: servicePipelines(options),
  }
}

/** The group, as the configuration says where it says nothing itself. */
export function withDefaults(group: GroupDeclaration, defaults: ConsumerDefaults): GroupDeclaration {
  const { concurrency, batchSize, attempts, retryDelayMs, handlerTimeoutMs } = defaults
  const { options } = group
  return {
    ...group,
    options: {
      ...readingDefaults(defaults),
      concurrency,
      handlerTimeoutMs,
      ...options,
      retry: { attempts, delayMs: retryDelayMs, ...options.retry },
      batch: { size: batchSize, ...options.batch },
    },
  }
}

/** How long a name may get in front of what makes it unique. */
const MAX_PREFIX_LENGTH = 200

/** The name of the consumers of this process, of which no other has the same. */
export function consumerName(config: {
  consumers: Pick<ConsumerDefaults, 'name'>
  service: { name: string }
}) {
  const prefix = config.consumers.name ?? (hostname() || config.service.name)
  return uniqueName(prefix.slice(0, MAX_PREFIX_LENGTH))
}
