import { openPostgres, type Postgres } from '../../postgres/open-postgres.ts'
import { RedisStreamLog } from '../../redis/redis-log.ts'
import { connectWithAttempts } from './connect-attempts.ts'
import { EmbeddedEngines } from './embedded-engines.ts'
import type { EventIntake } from './intake.ts'
import { tracingOf } from './middleware.ts'
import { hasRole, type ServiceOptions } from './options.ts'
import { databaseTls, redisTls } from './tls.ts'

/** The ways to Redis and PostgreSQL: those that are configured, else the embedded ones. */
export class Servers {
  readonly #options: ServiceOptions
  readonly #stopping: AbortSignal
  readonly #engines: EmbeddedEngines
  readonly #redisTls: ReturnType<typeof redisTls>
  readonly #databaseTls: ReturnType<typeof databaseTls>

  /** @throws InvalidError `CONFIGURATION_INVALID` for certificates that can't be read */
  constructor(options: ServiceOptions, stopping: AbortSignal) {
    this.#options = options
    this.#stopping = stopping
    this.#engines = new EmbeddedEngines(options)
    this.#redisTls = redisTls(options.config)
    this.#databaseTls = databaseTls(options.config)
  }

  async openRedis(): Promise<RedisStreamLog> {
    const { config, logger } = this.#options
    const log = logger.for('redis-connection')
    const place = config.redis ?? { url: await this.#engines.redis() }
    const open = () =>
      RedisStreamLog.open({
        ...place,
        ...this.#redisTls,
        ...(config.durability && { durability: config.durability }),
        log,
        clientName: config.service.name,
        connectTimeoutMs: config.connect.timeoutMs,
      })
    return connectWithAttempts(open, config.connect, log, this.#stopping)
  }

  async openDatabase(intake: EventIntake): Promise<Postgres> {
    const { config, logger } = this.#options
    const log = logger.for('database-connection')
    const url = config.database?.url ?? (await this.#engines.postgres())
    const open = () =>
      openPostgres({
        url,
        ...this.#databaseTls,
        log,
        tracing: tracingOf(this.#options),
        prepare: (stream, events) => intake.publisher.prepare(stream, events),
        migrations: this.#options.app.migrations,
      })
    const postgres = await connectWithAttempts(open, config.connect, log, this.#stopping)
    // Where no relay runs, those of other processes tell what became of the events of this one.
    if (!hasRole(this.#options, 'worker')) postgres.listen()
    return postgres
  }

  /** Ends the embedded ones, unless others use them. */
  async stop(): Promise<void> {
    await this.#engines.stop()
  }
}
