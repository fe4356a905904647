import type { PipelineDeclaration } from '../../connectors/pipeline.ts'
import type { PipelineRun, PipelineStatus } from '../../connectors/pipeline-run.ts'
import { pipelineRun } from '../../connectors/run-pipeline.ts'
import type { Log, Service } from '../../core/service.ts'
import type { ByName, PipelineSetting } from '../../core/settings.ts'
import type { StreamLog } from '../../core/stream-log.ts'
import { tracedLog } from '../../core/traced-log.ts'
import { correlate } from '../../middleware/correlate.ts'
import type { KeyRing } from '../../middleware/key-ring.ts'
import { trace } from '../../middleware/trace.ts'
import type { RedisStreamLog } from '../../redis/redis-log.ts'
import type { SettingsService } from '../../settings/settings-service.ts'
import { PipelineMetrics, type PipelineFigures } from '../../telemetry/metrics/pipelines.ts'
import { aroundAll } from './app-groups.ts'
import { consumerName } from './complete-app.ts'
import { deliveryMiddleware, publishMiddleware, tracingOf } from './middleware.ts'
import { hasRole, type ServiceOptions } from './options.ts'

export interface ConnectorParts {
  /** Undefined before it is open. */
  log: () => RedisStreamLog | undefined
  /** Counts what is published. */
  counted: (log: RedisStreamLog) => StreamLog
  settings: Pick<SettingsService, 'onChange' | 'values'>
  ring: KeyRing | undefined
}

/** The role `connector`: the pipelines of the service. Without any it does nothing. */
export class Connectors implements Service {
  readonly metrics = new PipelineMetrics(() => this.#figures)
  readonly #options: ServiceOptions
  readonly #parts: ConnectorParts
  readonly #log: Log
  readonly #runs = new Map<string, PipelineRun>()
  #stopped = false

  constructor(options: ServiceOptions, parts: ConnectorParts) {
    this.#options = options
    this.#parts = parts
    this.#log = options.logger.for('connector')
  }

  /** Of the pipelines of this process, in the order of their declaration; undefined where it has none to run. */
  get statuses(): readonly PipelineStatus[] | undefined {
    return this.#declared.length === 0 ? undefined : [...this.#runs.values()].map(({ status }) => status)
  }

  /**
   * Comes after Redis and the settings. No sink is waited for.
   *
   * @throws InvalidError `CONFIGURATION_INVALID` for a pipeline that can't run; none runs then
   */
  async start(): Promise<void> {
    const { roles } = this.#options.config
    if (this.#declared.length === 0 && roles.has('connector') && roles.size === 1)
      this.#log.warn(
        {},
        'The connector has nothing to do: set OUTPUT_ADAPTER_TYPE or PIPELINES, or declare pipelines',
      )
    for (const declaration of this.#declared) this.#runs.set(declaration.name, this.#run(declaration))
    // What was paused before takes nothing, not even now.
    await this.#parts.settings.onChange('pipelines', (states) => this.#obey(states))
    for (const [name, run] of this.#runs) {
      if (this.#stopped) return
      await run.start()
      this.#log.info({ pipeline: name }, `The pipeline ${name} runs`)
    }
  }

  run(name: string): PipelineRun | undefined {
    return this.#runs.get(name)
  }

  isPaused(name: string): boolean {
    return isPaused(this.#parts.settings.values.pipelines, name)
  }

  /** Lets go of the sink and connects anew, here alone; a pause stays. */
  async restart(run: PipelineRun): Promise<void> {
    await run.stop(this.#options.config.shutdownGraceMs)
    // What started now would outlive the service.
    if (!this.#stopped) await run.start()
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#stopped = true
    await Promise.all([...this.#runs.values()].map((run) => run.stop(deadlineMs)))
  }

  get #declared(): readonly PipelineDeclaration[] {
    return hasRole(this.#options, 'connector') ? this.#options.app.pipelines : []
  }

  #run(declaration: PipelineDeclaration): PipelineRun {
    const { config, logger } = this.#options
    const { counted, ring } = this.#parts
    const tracing = tracingOf(this.#options)
    const log = this.#parts.log()!
    const streams = tracing ? tracedLog(counted(log), tracing) : counted(log)
    const withWay = declaration.kind === 'sink' && (declaration.middleware ?? []).length > 0
    const { each } = deliveryMiddleware(this.#options, ring)
    return pipelineRun(this.#published(declaration), {
      streams,
      log: logger.for(`pipeline ${declaration.name}`),
      observer: this.metrics,
      // Lines on the way have the correlation id of their event; without a way there are none.
      middleware: [...(withWay ? [correlate()] : []), ...each],
      ...(tracing && { around: (run) => aroundAll([trace(tracing)], run) }),
      consumer: consumerName(config),
      cursors: log.cursors(config.service.name),
    })
  }

  /** What a source publishes goes through all that the service publishes through, encryption last. */
  #published(declaration: PipelineDeclaration): PipelineDeclaration {
    if (declaration.kind === 'sink') return declaration
    const { middleware = [] } = declaration
    return {
      ...declaration,
      middleware: [...middleware, ...publishMiddleware(this.#options, this.#parts.ring)],
    }
  }

  #obey(states: ByName<PipelineSetting>): void {
    for (const [name, run] of this.#runs) {
      if (isPaused(states, name)) run.pause()
      else run.resume()
    }
  }

  get #figures(): PipelineFigures[] {
    return (this.statuses ?? []).map(({ name, kind, state }) => ({
      name,
      up: kind === 'sink' ? state === 'running' || state === 'paused' : undefined,
      paused: this.isPaused(name),
    }))
  }
}

/** Names may be those of what every object has. */
const isPaused = (states: ByName<PipelineSetting>, name: string): boolean =>
  Object.hasOwn(states, name) && states[name] === 'paused'
