import { within } from '../../backup/backup-place.ts'
import { BackupWorks } from '../../bus/backup-works.ts'
import { MillraceError } from '../../core/errors.ts'
import { resolveRetention } from '../../core/retention-policy.ts'
import { JobService } from '../../jobs/job-service.ts'
import { operationWorks } from '../../jobs/kinds/kinds.ts'
import type { RedisStreamLog } from '../../redis/redis-log.ts'
import { StoredKeys } from '../../security/stored-keys.ts'
import type { AdminPorts } from '../../server/admin/admin-ports.ts'
import type { SettingsService } from '../../settings/settings-service.ts'
import type { ServiceSecurity } from './access.ts'
import { backupFiles } from './backup-files.ts'
import type { Connectors } from './connectors.ts'
import type { ServiceOptions } from './options.ts'
import { pipelineControl } from './pipeline-control.ts'
import { retained } from './retained.ts'
import { scheduleStates } from './schedules.ts'

export interface AdministrationParts {
  security: Pick<ServiceSecurity, 'access'>
  settings: Pick<SettingsService, 'change' | 'values'>
  connectors: Connectors
  stopping: AbortSignal
}

/** What operators can do with a service: in every role, since each of them has HTTP and Redis. */
export class Administration {
  readonly #options: ServiceOptions
  readonly #parts: AdministrationParts
  readonly #keys: StoredKeys
  #opened: { log: RedisStreamLog; jobs: JobService; backups: BackupWorks } | undefined

  constructor(options: ServiceOptions, parts: AdministrationParts) {
    this.#options = options
    this.#parts = parts
    this.#keys = new StoredKeys(parts.security.access, options.logger.for('security'))
  }

  /** Accepts stored keys, and does what is asked for, from now on. */
  async open(log: RedisStreamLog): Promise<void> {
    await this.#keys.open(log.apiKeys(this.#options.config.service.name))
    const backups = new BackupWorks(log, within(this.#options.config.backupDirectory))
    const works = [...operationWorks(log.operations), ...backups.works]
    const jobs = new JobService(log.operations.jobStore, works, { log: this.#options.logger.for('jobs') })
    this.#opened = { log, jobs, backups }
  }

  /** For whoever runs them. @throws MillraceError `REDIS_UNAVAILABLE` before there is a connection */
  get jobs(): JobService {
    return this.#redis.jobs
  }

  async stop(deadlineMs: number): Promise<void> {
    await Promise.all([this.#keys.stop(deadlineMs), this.#opened?.jobs.runner.stop(deadlineMs)])
    await this.#opened?.backups.close()
  }

  get ports(): AdminPorts {
    const { app, config } = this.#options
    const { settings, connectors, stopping } = this.#parts
    const operations = () => this.#redis.log.operations
    const targets = new Map(retained(app).map((one) => [one.stream, resolveRetention(one)]))
    return {
      operations,
      jobs: () => this.jobs,
      backups: () => backupFiles(config.backupDirectory),
      keys: this.#keys,
      pipelines: pipelineControl({ connectors, settings, operations }),
      schedules: async () => scheduleStates(app, settings.values.jobs, this.#redis.log.operations.schedule),
      retentionOf: (stream) => targets.get(stream),
      stopping,
    }
  }

  get #redis() {
    if (this.#opened) return this.#opened
    throw new MillraceError('REDIS_UNAVAILABLE', 'the service has no connection to Redis yet; try again soon')
  }
}
