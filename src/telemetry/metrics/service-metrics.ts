import type { Metric } from '../../core/metric.ts'
import { derived, single } from './derived.ts'
import { HandlerHistograms } from './handler-times.ts'
import { Counter } from './instruments.ts'
import { Metrics, type MetricDescription, type Scrape } from './metrics.ts'
import { PublishCounters } from './published.ts'
import { requestTimes } from './requests.ts'
import type { PipelineMetrics } from './pipelines.ts'
import type { RpcMetrics } from './rpc.ts'
import { StreamScrape, type StreamSources } from './stream-scrape.ts'
import { streamMetrics } from './streams.ts'
import { CIRCUIT_STATES, WorkerMetrics, type WatchedWorker } from './workers.ts'
import { within } from './within.ts'

/** How long a scrape waits for the database, in ms, and how long its answer is good for another one. */
const DATABASE_BUDGET_MS = 1_000
const DATABASE_KEEP_MS = 3_000

/** Where a service has its numbers. What a role does not have it leaves out, and so do the metrics. */
export interface ServiceSources {
  version: string
  /** Whether the service says that it is ready. */
  ready(): boolean
  /** Streams that are always shown. */
  streams: readonly string[]
  /** Undefined while there is no connection yet. */
  redis(): StreamSources | undefined
  /** The circuit around Redis. */
  redisCircuit?(): keyof typeof CIRCUIT_STATES
  workers?(): readonly WatchedWorker[]
  /** How long the oldest event of the outbox waits, in ms; undefined while that can't be asked. */
  outboxAgeMs?(): Promise<number> | undefined
  /** What requests and replies come to. */
  rpc?: RpcMetrics
  /** What the pipelines do. */
  pipelines?: PipelineMetrics
  /** What the app counts. */
  app: readonly Metric[]
}

/** All metrics of one service: those that it sets as it works, and those that are fetched when they are asked for. */
export class ServiceMetrics {
  readonly handlers = new HandlerHistograms()
  readonly published = new PublishCounters()
  readonly requests = requestTimes()
  readonly #metrics = new Metrics()
  readonly #sources: ServiceSources
  readonly #errors = new Counter<'part'>({
    name: 'millrace_scrape_errors_total',
    help: 'Numbers that could not be fetched for a scrape, by where they are: redis or database.',
    labels: ['part'],
  })
  #outboxAge: { ms: number | undefined; at: number } = { ms: undefined, at: -Infinity }

  /** @throws InvalidError `CONFIGURATION_INVALID` where the app counts something under a name that is taken */
  constructor(sources: ServiceSources) {
    this.#sources = sources
    const { version } = sources
    const build = derived(
      'gauge',
      'millrace_build_info',
      ['version', 'node'],
      'Always 1; its labels say which version runs, on which Node.js.',
      () => [{ labels: { version, node: process.versions.node }, value: 1 }],
    )
    const ready = single(
      'gauge',
      'millrace_ready',
      '1 while the service says that it is ready, else 0; /health/ready says why it is not.',
      () => Number(sources.ready()),
    )
    this.#metrics.add(build, ready, this.#errors, ...this.published.metrics, this.requests)
    const workers = this.#addWorkers()
    this.#addCircuits(workers)
    this.#addStreams()
    this.#addOutbox()
    const others = [sources.rpc, sources.pipelines].flatMap((one) => one?.metrics ?? [])
    this.#metrics.add(...others, ...sources.app)
  }

  /** Answers within a few seconds, also while what it asks does not answer. */
  scrape(): Promise<Scrape> {
    return this.#metrics.scrape()
  }

  describe(): MetricDescription[] {
    return this.#metrics.describe()
  }

  #addWorkers(): WorkerMetrics | undefined {
    const { workers } = this.#sources
    if (!workers) return undefined
    const metrics = new WorkerMetrics(workers)
    this.#metrics.add(...metrics.metrics, ...this.handlers.metrics)
    this.#metrics.refresh(() => metrics.refresh())
    return metrics
  }

  #addCircuits(workers: WorkerMetrics | undefined): void {
    const { redisCircuit } = this.#sources
    const ofRedis = redisCircuit && (() => CIRCUIT_STATES[redisCircuit()])
    const help =
      '0 closed, 1 half-open, 2 open. circuit "redis" is that around publishing, "handlers" that of a group, which has a stream and a group.'
    this.#metrics.add(
      derived('gauge', 'millrace_circuit_state', ['circuit', 'stream', 'group'], help, () => [
        ...(ofRedis ? [{ labels: { circuit: 'redis' }, value: ofRedis() }] : []),
        ...(workers?.circuits() ?? []).map(({ labels, value }) => ({
          labels: { circuit: 'handlers', ...labels },
          value,
        })),
      ]),
    )
    if (ofRedis)
      this.#metrics.add(
        single('gauge', 'redis_circuit_state', 'The older name of the circuit "redis".', ofRedis),
      )
  }

  #addStreams(): void {
    const { redis, streams } = this.#sources
    const scrape = new StreamScrape(redis, streams, () => this.#errors.inc({ part: 'redis' }))
    this.#metrics.refresh(() => scrape.refresh())
    this.#metrics.add(
      single('gauge', 'millrace_redis_connected', '1 while Redis answers this process, else 0.', () =>
        Number(scrape.connected),
      ),
      single(
        'gauge',
        'millrace_streams_left_out',
        'Streams that are not shown here: there are more than 1,000, or they could not be looked at in time.',
        () => scrape.leftOut,
      ),
      ...streamMetrics(scrape),
    )
  }

  #addOutbox(): void {
    const { outboxAgeMs } = this.#sources
    if (!outboxAgeMs) return
    this.#metrics.refresh(() => this.#askOutbox(outboxAgeMs))
    this.#metrics.add(
      single(
        'gauge',
        'millrace_outbox_oldest_age_seconds',
        'How long the oldest event of the outbox waits to be published, 0 when none does; absent while the database is away.',
        () => (this.#outboxAge.ms === undefined ? undefined : this.#outboxAge.ms / 1_000),
      ),
    )
  }

  async #askOutbox(ask: () => Promise<number> | undefined): Promise<void> {
    if (performance.now() - this.#outboxAge.at < DATABASE_KEEP_MS) return
    const asked = ask()
    const ms =
      asked &&
      (await within(
        DATABASE_BUDGET_MS,
        asked.catch(() => undefined),
      ))
    // One that hangs counts like one that refuses.
    if (asked && ms === undefined) this.#errors.inc({ part: 'database' })
    // Not asked again at once either way: what does not answer has enough to do.
    this.#outboxAge = { ms, at: performance.now() }
  }
}
