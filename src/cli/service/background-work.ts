import { Background, type BackgroundLoop } from '../../bus/background.ts'
import type { OutboxRelay } from '../../postgres/outbox-relay.ts'
import type { Postgres } from '../../postgres/open-postgres.ts'
import type { RedisStreamLog } from '../../redis/redis-log.ts'
import type { SettingsService } from '../../settings/settings-service.ts'
import type { ServiceMetrics } from '../../telemetry/metrics/service-metrics.ts'
import type { EventIntake } from './intake.ts'
import { countedLog } from './metrics.ts'
import type { ServiceOptions } from './options.ts'
import { outlast } from './outlast.ts'
import { retained } from './retained.ts'

/** What background work needs of the service. */
export interface BackgroundParts {
  log: RedisStreamLog
  postgres: Postgres
  intake: EventIntake
  settings: SettingsService
  metrics: ServiceMetrics | undefined
  stopping: AbortSignal
}

/** What goes on beside the groups: scheduled events, jobs, retention, and the outbox. */
export class BackgroundWork {
  readonly #options: ServiceOptions
  readonly #parts: BackgroundParts
  readonly #background: Background
  readonly #relay: OutboxRelay

  constructor(options: ServiceOptions, parts: BackgroundParts) {
    const { log, postgres, metrics } = parts
    this.#options = options
    this.#parts = parts
    this.#background = new Background(log.operations, options.logger.for('background'))
    this.#relay = postgres.relay(countedLog(metrics, log))
  }

  /** For health: when each of them last came round. */
  get loops(): BackgroundLoop[] {
    return [...this.#background.loops, { name: 'outbox', lastLoopAt: this.#relay.status.lastLoopAt }]
  }

  async start(): Promise<void> {
    this.#background.moveScheduled()
    this.#retain()
    await this.#relay.start()
    if (this.#options.app.jobs.length > 0) await this.#runJobs()
  }

  async stop(deadlineMs: number): Promise<void> {
    await Promise.all([this.#background.close(deadlineMs), this.#relay.stop(deadlineMs)])
  }

  #retain(): void {
    for (const declaration of retained(this.#options.app)) this.#background.retain(declaration)
  }

  async #runJobs(): Promise<void> {
    const { app, logger } = this.#options
    const { intake, settings, stopping } = this.#parts
    const start = () =>
      this.#background.runJobs(
        app.jobs,
        (stream, events) => intake.publish(stream, events),
        settings.values.jobs,
      )
    await outlast(start, logger.for('background'), stopping)
    await settings.onChange('jobs', (plans) => this.#background.replanJobs(plans))
  }
}
