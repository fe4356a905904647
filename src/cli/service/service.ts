import { Background } from '../../bus/background.ts'
import { MillraceError } from '../../core/errors.ts'
import type { ProcessedEvents } from '../../core/processed-events.ts'
import type { Service } from '../../core/service.ts'
import { openPostgres, type Postgres } from '../../postgres/open-postgres.ts'
import { RedisStreamLog } from '../../redis/redis-log.ts'
import { createServerApp } from '../../server/app.ts'
import { HttpServer } from '../../server/http-server.ts'
import type { ServerPorts } from '../../server/ports.ts'
import { connectWithAttempts } from './connect-attempts.ts'
import { EmbeddedEngines } from './embedded-engines.ts'
import { healthReport } from './health.ts'
import { EventIntake } from './intake.ts'
import { deliveryMiddleware, publishMiddleware } from './middleware.ts'
import { hasRole, type ServiceOptions } from './options.ts'
import { AUDIT_GROUP, StreamWorkers } from './stream-workers.ts'

/** Everything together: HTTP first, so that health can be asked; then Redis, PostgreSQL, and the workers. */
export class MillraceService implements Service {
  readonly #options: ServiceOptions
  readonly #startedAt = new Date()
  readonly #stopping = new AbortController()
  readonly #engines: EmbeddedEngines
  readonly #intake: EventIntake
  readonly #http: HttpServer
  #log: RedisStreamLog | undefined
  #postgres: Postgres | undefined
  #workers: StreamWorkers | undefined
  #background: Background | undefined
  #relay: Service | undefined
  #notReady: string | undefined = 'the service is starting'
  #starting: Promise<void> | undefined
  #stopped: Promise<void> | undefined

  constructor(options: ServiceOptions) {
    this.#options = options
    const { app, config, logger } = options
    this.#engines = new EmbeddedEngines(options)
    this.#intake = new EventIntake(app.streams, publishMiddleware(options), () => void this.#workers?.look())
    const { http, limits } = config
    const { fetch } = createServerApp(this.#ports(), { ...http, ...limits })
    this.#http = new HttpServer(fetch, { ...http, log: logger.for('http') })
  }

  /** Where the API can be reached, once HTTP is up. */
  get url(): string {
    return this.#http.url
  }

  start(): Promise<void> {
    this.#starting = this.#start()
    return this.#starting
  }

  async #start(): Promise<void> {
    await this.#http.start()
    const { url } = this.#http
    this.#options.logger.for('service').info({}, `API at ${url}, its documents at ${url}/api-docs`)
    const steps = [() => this.#openRedis()]
    if (hasRole(this.#options, 'api', 'worker')) steps.push(() => this.#openDatabase())
    if (hasRole(this.#options, 'worker'))
      steps.push(
        () => this.#startWorkers(),
        () => this.#startBackground(),
      )
    for (const step of steps) {
      await step()
      this.#stopping.signal.throwIfAborted()
    }
    this.#notReady = undefined
  }

  stop(deadlineMs: number): Promise<void> {
    this.#stopped ??= this.#stop(deadlineMs)
    return this.#stopped
  }

  async #stop(deadlineMs: number): Promise<void> {
    this.#notReady = 'the service is stopping'
    this.#stopping.abort()
    // What a start opens after the stop would stay open for ever.
    await this.#starting?.catch(() => {})
    const services = [this.#workers, this.#relay, this.#http]
    await Promise.all([
      this.#background?.close(deadlineMs),
      ...services.map((service) => service?.stop(deadlineMs)),
    ])
    await this.#log?.close()
    await this.#postgres?.close()
    await this.#engines.stop()
  }

  async #openRedis(): Promise<void> {
    const { config, logger } = this.#options
    const log = logger.for('redis-connection')
    const place = config.redis ?? { url: await this.#engines.redis() }
    const open = () =>
      RedisStreamLog.open({
        ...place,
        ...(config.durability && { durability: config.durability }),
        log,
        clientName: config.service.name,
        connectTimeoutMs: config.connect.timeoutMs,
      })
    this.#log = await connectWithAttempts(open, config.connect, log, this.#stopping.signal)
    this.#intake.open(this.#log)
  }

  async #openDatabase(): Promise<void> {
    const { config, logger } = this.#options
    const log = logger.for('database-connection')
    const url = config.database?.url ?? (await this.#engines.postgres())
    const prepare: Parameters<typeof openPostgres>[0]['prepare'] = (stream, events) =>
      this.#intake.publisher.prepare(stream, events)
    const open = () => openPostgres({ url, log, prepare })
    this.#postgres = await connectWithAttempts(open, config.connect, log, this.#stopping.signal)
  }

  async #startWorkers(): Promise<void> {
    const log = this.#log!
    this.#workers = new StreamWorkers({
      log,
      registered: () => log.registered(),
      app: this.#options.app,
      trail: this.#postgres!.audit,
      logger: this.#options.logger.for('worker'),
      middleware: deliveryMiddleware(this.#options),
    })
    await this.#workers.start()
  }

  /** What goes on beside the groups: scheduled events, jobs, retention, and the outbox. */
  async #startBackground(): Promise<void> {
    const log = this.#log!
    const { app, logger } = this.#options
    this.#background = new Background(log.operations, logger.for('background'))
    this.#background.moveScheduled()
    for (const { stream, policy } of app.retention) {
      const own = app.handlers.filter((group) => group.stream === stream)
      const groups = own.map(({ options: { group, start = '0' } }) => ({ name: group, start }))
      // A stream that no group of the app handles is followed for the audit trail.
      this.#background.retain({
        stream,
        policy,
        groups: groups.length > 0 ? groups : [{ name: AUDIT_GROUP }],
      })
    }
    this.#relay = this.#postgres!.relay(log)
    await this.#relay.start()
    if (app.jobs.length > 0)
      await this.#background.runJobs(app.jobs, (stream, events) => this.#intake.publish(stream, events))
  }

  #ports(): ServerPorts {
    const { config, logger } = this.#options
    return {
      service: { ...config.service, startedAt: this.#startedAt },
      check: (stream, event) => this.#intake.check(stream, event),
      publish: (stream, events) => this.#intake.publish(stream, events),
      health: () => this.#health(),
      processedEvents: this.#processedEvents(),
      log: logger.for('http'),
    }
  }

  #processedEvents(): ProcessedEvents {
    const events = () => {
      if (this.#postgres) return this.#postgres.events
      throw new MillraceError(
        'DATABASE_UNAVAILABLE',
        'the service has no connection to PostgreSQL yet; try again soon',
      )
    }
    return { list: async (query) => events().list(query), stats: async () => events().stats() }
  }

  #health() {
    const log = this.#log
    const postgres = this.#postgres
    return healthReport({
      pingRedis: log && (() => log.ping()),
      pingDatabase: hasRole(this.#options, 'api', 'worker')
        ? () => postgres?.ping() ?? Promise.reject(new Error('not connected yet'))
        : undefined,
      workers: hasRole(this.#options, 'worker') ? () => this.#workers?.statuses ?? [] : undefined,
      notReady: this.#notReady,
    })
  }
}
