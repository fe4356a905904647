import type { App } from '../app/app.ts'
import { Background } from '../bus/background.ts'
import { Publisher } from '../bus/publisher.ts'
import type { Config } from '../config/config.ts'
import { MillraceError } from '../core/errors.ts'
import type { NewEvent } from '../core/event.ts'
import type { ProcessedEvents } from '../core/processed-events.ts'
import type { Service } from '../core/service.ts'
import type { StreamDeclaration } from '../core/stream.ts'
import { postgresEngine, redisEngine, type Engine, type EngineOptions } from '../engines/engines.ts'
import { openPostgres, type Postgres } from '../postgres/open-postgres.ts'
import { RedisStreamLog } from '../redis/redis-log.ts'
import { createServerApp } from '../server/app.ts'
import { HttpServer } from '../server/http-server.ts'
import type { ServerPorts } from '../server/ports.ts'
import type { Logger } from '../telemetry/logger.ts'
import { connectWithAttempts } from './connect-attempts.ts'
import { healthReport } from './health.ts'
import { AUDIT_GROUP, StreamWorkers } from './stream-workers.ts'

export interface ServiceOptions {
  config: Config
  app: App
  logger: Logger
  /** Where engines live that nobody configured. */
  engineFolder: string
  env: NodeJS.ProcessEnv
}

/** Everything together: HTTP first, so that health can be asked; then Redis, PostgreSQL, and the workers. */
export class MillraceService implements Service {
  readonly #options: ServiceOptions
  readonly #declared: ReadonlyMap<string, StreamDeclaration>
  readonly #startedAt = new Date()
  readonly #stopping = new AbortController()
  readonly #engines: Engine[] = []
  /** Streams that this process has registered, so that each costs one call. */
  readonly #registered = new Set<string>()
  readonly #http: HttpServer
  #log: RedisStreamLog | undefined
  #publisher: Publisher | undefined
  #postgres: Postgres | undefined
  #workers: StreamWorkers | undefined
  #background: Background | undefined
  #relay: Service | undefined
  #notReady: string | undefined = 'the service is starting'
  #starting: Promise<void> | undefined
  #stopped: Promise<void> | undefined

  constructor(options: ServiceOptions) {
    this.#options = options
    this.#declared = new Map(options.app.streams.map((stream) => [stream.name, stream]))
    const { http, limits } = options.config
    const { fetch } = createServerApp(this.#ports(), { ...http, ...limits })
    this.#http = new HttpServer(fetch, { ...http, log: options.logger.for('http') })
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
    if (this.#uses('api', 'worker')) steps.push(() => this.#openDatabase())
    if (this.#uses('worker'))
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
    await Promise.all(this.#engines.map((engine) => engine.stop()))
  }

  async #openRedis(): Promise<void> {
    const { config, logger } = this.#options
    const log = logger.for('redis-connection')
    const place = config.redis ?? { url: await this.#engine('Redis', redisEngine) }
    const open = () =>
      RedisStreamLog.open({
        ...place,
        ...(config.durability && { durability: config.durability }),
        log,
        clientName: config.service.name,
        connectTimeoutMs: config.connect.timeoutMs,
      })
    this.#log = await connectWithAttempts(open, config.connect, log, this.#stopping.signal)
    this.#publisher = new Publisher(this.#log, { middleware: this.#options.app.middleware })
  }

  async #openDatabase(): Promise<void> {
    const { config, logger } = this.#options
    const log = logger.for('database-connection')
    const url = config.database?.url ?? (await this.#engine('PostgreSQL', postgresEngine))
    this.#postgres = await connectWithAttempts(
      () =>
        openPostgres({ url, log, prepare: (stream, events) => this.#connected().prepare(stream, events) }),
      config.connect,
      log,
      this.#stopping.signal,
    )
  }

  async #engine(name: string, start: (options: EngineOptions) => Promise<Engine>): Promise<string> {
    const log = this.#options.logger.for('engines')
    const { engineFolder: dir, env } = this.#options
    const engine = await start({ dir, env, onProgress: (line) => log.info({}, line) })
    this.#engines.push(engine)
    log.info({}, `${name} at ${engine.url} (${engine.detail})`)
    return engine.url
  }

  async #startWorkers(): Promise<void> {
    const log = this.#log!
    this.#workers = new StreamWorkers({
      log,
      registered: () => log.registered(),
      app: this.#options.app,
      trail: this.#postgres!.audit,
      logger: this.#options.logger.for('worker'),
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
    const publish = (stream: string, events: readonly NewEvent[]) => this.#publish(stream, events)
    if (app.jobs.length > 0) await this.#background.runJobs(app.jobs, publish)
  }

  #uses(...roles: ('api' | 'worker')[]): boolean {
    return roles.some((role) => this.#options.config.roles.has(role))
  }

  #ports(): ServerPorts {
    const { config, logger } = this.#options
    return {
      service: { ...config.service, startedAt: this.#startedAt },
      check: (stream, event) => this.#connected().check(this.#target(stream), event),
      publish: (stream, events) => this.#publish(stream, events),
      health: () => this.#health(),
      processedEvents: this.#processedEvents(),
      log: logger.for('http'),
    }
  }

  async #publish(stream: string, events: readonly NewEvent[]): Promise<(string | MillraceError)[]> {
    const publisher = this.#connected()
    if (!this.#declared.has(stream) && !this.#registered.has(stream)) await this.#register(stream, events)
    return publisher.publish(this.#target(stream), events)
  }

  /** Before the publishing, so that no published event goes unseen; and only for what will be published. */
  async #register(stream: string, events: readonly NewEvent[]): Promise<void> {
    for (const event of events) await this.#connected().check(stream, event)
    await this.#log!.register(stream)
    this.#registered.add(stream)
    void this.#workers?.look()
  }

  #target(stream: string): string | StreamDeclaration {
    return this.#declared.get(stream) ?? stream
  }

  #connected(): Publisher {
    if (this.#publisher) return this.#publisher
    throw new MillraceError('REDIS_UNAVAILABLE', 'the service has no connection to Redis yet; try again soon')
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
      pingDatabase: this.#uses('api', 'worker')
        ? () => postgres?.ping() ?? Promise.reject(new Error('not connected yet'))
        : undefined,
      workers: this.#uses('worker') ? () => this.#workers?.statuses ?? [] : undefined,
      notReady: this.#notReady,
    })
  }
}
