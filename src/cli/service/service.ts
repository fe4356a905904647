import type { Config } from '../../config/config.ts'
import type { Service } from '../../core/service.ts'
import { tracedLog } from '../../core/traced-log.ts'
import type { Postgres } from '../../postgres/open-postgres.ts'
import type { RedisStreamLog } from '../../redis/redis-log.ts'
import type { HttpServer } from '../../server/http-server.ts'
import type { HealthReport, ServerPorts } from '../../server/ports.ts'
import type { SettingsService } from '../../settings/settings-service.ts'
import type { ServiceMetrics } from '../../telemetry/metrics/service-metrics.ts'
import { serviceSecurity, type ServiceSecurity } from './access.ts'
import { Administration } from './admin.ts'
import { apiServer, listen } from './api-server.ts'
import { AppHost } from './app-host.ts'
import { BackgroundWork } from './background-work.ts'
import { RedisCircuit } from './circuit.ts'
import { completeApp, consumerName } from './complete-app.ts'
import { Connectors } from './connectors.ts'
import { healthReport } from './health.ts'
import { serviceKeyRing, type ServiceKeyRing } from './encryption.ts'
import { EventIntake } from './intake.ts'
import { deliveryMiddleware, publishMiddleware, tracingOf } from './middleware.ts'
import { hasRole, type ServiceOptions } from './options.ts'
import { LoadMonitor } from './load-monitor.ts'
import { countedLog, measuring, metricsPorts, metricsServer, serviceMetrics } from './metrics.ts'
import { outlast } from './outlast.ts'
import { replaceKeys } from './replace-keys.ts'
import { Pulse } from './pulse.ts'
import { configuredSettings, serviceSettings, type Apps } from './settings.ts'
import { StreamPolicy } from './stream-policy.ts'
import { Servers } from './servers.ts'
import { StreamWorkers } from './stream-workers.ts'
import { testEvent } from './test-events.ts'

/** Everything together: HTTP first, so that health can be asked; then Redis, PostgreSQL, and the workers. */
export class MillraceService implements Service {
  /** Keys and limits, which may change while it runs. */
  readonly security: ServiceSecurity
  readonly #options: ServiceOptions
  readonly #apps: Apps
  readonly #ring: ServiceKeyRing | undefined
  readonly #settings: SettingsService
  readonly #admin: Administration
  readonly #policy: StreamPolicy
  readonly #circuit: RedisCircuit
  readonly #redisPulse: Pulse
  readonly #databasePulse: Pulse
  readonly #load: LoadMonitor
  readonly #startedAt = new Date()
  readonly #stopping = new AbortController()
  readonly #servers: Servers
  readonly #intake: EventIntake
  readonly #host: AppHost
  readonly #connectors: Connectors
  readonly #metrics: ServiceMetrics | undefined
  readonly #http: HttpServer
  readonly #metricsHttp: HttpServer | undefined
  #log: RedisStreamLog | undefined
  #postgres: Postgres | undefined
  #workers: StreamWorkers | undefined
  #background: BackgroundWork | undefined
  #notReady: string | undefined = 'the service is starting'
  #starting: Promise<void> | undefined
  #stopped: Promise<void> | undefined

  /** @throws InvalidError `CONFIGURATION_INVALID` */
  constructor(given: ServiceOptions) {
    const options = { ...given, app: completeApp(given) }
    this.#options = options
    const { app, config, logger } = options
    this.#circuit = new RedisCircuit(config.circuit, logger.for('redis-circuit'))
    this.#redisPulse = this.#watchRedis()
    this.#load = new LoadMonitor(config.overload, logger.for('load'))
    this.#databasePulse = new Pulse(() => this.#postgres!.ping())
    this.security = serviceSecurity(options)
    this.#apps = { declared: given.app, complete: app }
    this.#settings = serviceSettings(options, this.#apps, this.security)
    this.#ring = serviceKeyRing(config.security.encryptionKeys)
    this.#connectors = new Connectors(options, {
      log: () => this.#log,
      counted: (log) => countedLog(this.#metrics, log),
      settings: this.#settings,
      ring: this.#ring,
    })
    this.#admin = new Administration(options, {
      security: this.security,
      settings: this.#settings,
      connectors: this.#connectors,
      stopping: this.#stopping.signal,
    })
    this.#policy = new StreamPolicy(() => this.#settings.values, given.app, app)
    this.#servers = new Servers(options, this.#stopping.signal)
    this.#intake = new EventIntake(
      app.streams,
      publishMiddleware(options, this.#ring),
      () => void this.#workers?.look(),
      {
        tracing: tracingOf(options),
        circuit: this.#circuit,
        maxStreams: config.limits.undeclaredStreams,
      },
    )
    this.#host = new AppHost(options, {
      intake: this.#intake,
      circuit: this.#circuit,
      log: () => this.#log,
      postgres: () => this.#postgres,
      databasePulse: this.#databasePulse,
      ring: this.#ring,
      stopping: this.#stopping.signal,
    })
    this.#metrics = this.#measure()
    const ports = this.#ports()
    this.#http = apiServer(options, ports)
    this.#metricsHttp = metricsServer(options, ports)
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
    this.#load.start()
    await listen(this.#http, this.#metricsHttp, this.#options.logger.for('service'))
    const steps = [() => this.#openRedis(), () => this.#host.rpc.start()]
    if (hasRole(this.#options, 'api', 'worker'))
      steps.push(
        () => this.#admin.jobs.runner.start(),
        () => this.#openDatabase(),
      )
    if (hasRole(this.#options, 'worker'))
      steps.push(
        () => this.#startBackground(),
        () => this.#startWorkers(),
      )
    steps.push(() => this.#connectors.start())
    for (const step of steps) {
      await step()
      this.#stopping.signal.throwIfAborted()
    }
    // Redis may have gone meanwhile: whoever reads that the service is ready finds it so.
    await this.#redisPulse.untilAnswer(this.#stopping.signal)
    this.#notReady = undefined
  }

  /**
   * Takes over what can be changed while it runs; what operators have set still wins.
   *
   * @throws InvalidError `CONFIGURATION_INVALID` with every mistake; nothing has changed then
   */
  async reconfigure(config: Config): Promise<void> {
    const { apiKeys, encryptionKeys } = config.security
    replaceKeys(this.security.access, this.#ring, { apiKeys, encryptionKeys })
    if (!this.#ring && encryptionKeys.length > 0)
      this.#options.logger.for('configuration').warn({}, 'A restart is needed for ENCRYPTION_KEYS to encrypt')
    await this.#settings.configure(configuredSettings(config, this.#apps))
  }

  stop(deadlineMs: number): Promise<void> {
    this.#stopped ??= this.#stop(deadlineMs)
    return this.#stopped
  }

  async #stop(deadlineMs: number): Promise<void> {
    this.#notReady = 'the service is stopping'
    this.#stopping.abort()
    const end = performance.now() + deadlineMs
    // What a start opens after the stop would stay open for ever.
    await this.#starting?.catch(() => {})
    const leftMs = Math.max(0, end - performance.now())
    const consuming = [this.#workers, this.#background, this.#connectors]
    const services = [...consuming, this.#admin, this.#http, this.#metricsHttp]
    await Promise.all(services.map((service) => service?.stop(leftMs)))
    // Whoever asked, over HTTP or in a handler, has the reply by now.
    await this.#host.rpc.stop(Math.max(0, end - performance.now()))
    await this.#settings.stop(leftMs)
    for (const watch of [this.#redisPulse, this.#databasePulse, this.#load]) watch.stop()
    await this.security.rates.close()
    await this.#log?.close()
    await this.#postgres?.close()
    await this.#servers.stop()
  }

  #measure(): ServiceMetrics | undefined {
    return serviceMetrics(this.#options, this.#host.rpc.metrics, this.#connectors.metrics, () => ({
      log: this.#log,
      postgres: this.#postgres,
      workers: this.#workers,
      circuit: this.#circuit,
      ready: this.#health().ready,
    }))
  }

  async #openRedis(): Promise<void> {
    const { config, logger } = this.#options
    const redis = await this.#servers.openRedis()
    this.#log = redis
    this.security.rates.share(() => redis.connection('rates'))
    const open = (step: () => Promise<void>) =>
      outlast(step, logger.for('redis-connection'), this.#stopping.signal)
    // First who may do what: stored keys may close what is open without them.
    await open(() => this.#admin.open(redis))
    this.#intake.open(redis, countedLog(this.#metrics, redis))
    await open(() => this.#settings.open(redis.settings(config.service.name)))
    await this.#redisPulse.start()
  }

  async #openDatabase(): Promise<void> {
    this.#postgres = await this.#servers.openDatabase(this.#intake)
    await this.#databasePulse.start()
  }

  async #startWorkers(): Promise<void> {
    const log = this.#log!
    const tracing = tracingOf(this.#options)
    this.#workers = new StreamWorkers({
      log: tracing ? tracedLog(log, tracing) : log,
      registered: () => log.registered(),
      app: this.#options.app,
      trail: this.#postgres!.audit,
      logger: this.#options.logger.for('worker'),
      consumer: consumerName(this.#options.config),
      consumers: this.#options.config.consumers,
      stopping: this.#stopping.signal,
      policy: this.#policy,
      middleware: deliveryMiddleware(this.#options, this.#ring, measuring(this.#metrics)),
      runtime: this.#host.runtime(this.#postgres!),
    })
    for (const name of ['concurrency', 'batchSize', 'groups', 'streams'] as const)
      await this.#settings.onChange(name, () => void this.#workers?.look())
    await this.#workers.start()
  }

  async #startBackground(): Promise<void> {
    this.#background = new BackgroundWork(this.#options, {
      log: this.#log!,
      postgres: this.#postgres!,
      intake: this.#intake,
      settings: this.#settings,
      metrics: this.#metrics,
      stopping: this.#stopping.signal,
    })
    await this.#background.start()
  }

  #ports(): ServerPorts {
    const { config, logger } = this.#options
    return {
      service: { ...config.service, startedAt: this.#startedAt },
      prepare: (stream, event) => this.#intake.prepare(stream, event),
      publish: (stream, events) => this.#intake.write(stream, events),
      overload: () => this.#load.reason,
      publishTestEvent: () => this.#intake.publishOne(config.stream, testEvent()),
      health: async () => this.#health(),
      ...this.#host.ports,
      settings: this.#settings,
      admin: this.#admin.ports,
      access: this.security.access,
      rateLimiter: this.security.rates,
      ...(this.security.tokenKeys && { tokenKeys: this.security.tokenKeys }),
      ...metricsPorts(this.#metrics),
      tracing: tracingOf(this.#options),
      log: logger.for('http'),
    }
  }

  #watchRedis(): Pulse {
    return new Pulse(() => this.#log!.ping(), {
      onAnswer: (again) => {
        this.#circuit.answered()
        if (again) this.#workers?.tryAgain()
      },
      onFailure: () => this.#circuit.failed(),
    })
  }

  #health(): HealthReport {
    const consumes = hasRole(this.#options, 'worker')
    return healthReport({
      redis: this.#redisPulse.check,
      circuit: this.#circuit.state,
      database: hasRole(this.#options, 'api', 'worker') ? this.#databasePulse.check : undefined,
      workers: consumes ? (this.#workers?.statuses ?? []) : undefined,
      background: consumes ? (this.#background?.loops ?? []) : undefined,
      responders: this.#host.rpc.lastLoops,
      pipelines: this.#connectors.statuses,
      overload: this.#load.reason,
      notReady: this.#notReady,
    })
  }
}
