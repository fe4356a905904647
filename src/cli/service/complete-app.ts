import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { App, GroupDeclaration } from '../../app/app.ts'
import type { ConsumerDefaults } from '../../config/config.ts'
import { inTimezone } from '../../schedule/job.ts'
import type { WorkerOptions } from '../../worker/worker-options.ts'
import type { ServiceOptions } from './options.ts'
import { testEventGroup, testEventJob } from './test-events.ts'

/**
 * What the service runs: the app, with what the configuration says where the app says nothing, and the service's own
 * test events.
 *
 * @throws InvalidError `CONFIGURATION_INVALID`
 */
export function completeApp({ app, config, logger }: Pick<ServiceOptions, 'app' | 'config' | 'logger'>): App {
  const group = testEventGroup(app, config.stream, logger.for('test-events'))
  const job = testEventJob(config.stream, config.testEventIntervalMs)
  const handlers = group ? [...app.handlers, group] : app.handlers
  const jobs = job ? [...app.jobs, job] : app.jobs
  return {
    ...app,
    handlers: handlers.map((handler) => withDefaults(handler, config.consumers)),
    jobs: jobs.map((one) => inTimezone(one, config.timezone)),
  }
}

/** How every consumer of the service reads, those of the audit trail included. */
export function readingDefaults(defaults: ConsumerDefaults) {
  const { pollMs, maxFaultDelayMs, claimIntervalMs, minIdleMs } = defaults
  return { pollMs, maxFaultDelayMs, claimIntervalMs, minIdleMs } satisfies Partial<WorkerOptions>
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

/**
 * The name of the consumers of this process, of which no other has the same: two of one name would share what is
 * pending, and each would settle the other's entries.
 */
export function consumerName(config: {
  consumers: Pick<ConsumerDefaults, 'name'>
  service: { name: string }
}) {
  const prefix = config.consumers.name ?? (hostname() || config.service.name)
  return `${prefix.slice(0, MAX_PREFIX_LENGTH)}-${process.pid}-${randomBytes(4).toString('hex')}`
}
