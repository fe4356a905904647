import { batched } from '../bus/batched.ts'
import { writtenJson } from '../core/codec.ts'
import type { BatchHandler, Delivery, Middleware } from '../core/delivery.ts'
import { toError } from '../core/errors.ts'
import { SinkError } from '../core/connector-errors.ts'
import { pause } from '../core/pause.ts'
import { compose } from '../core/pipeline.ts'
import type { Log } from '../core/service.ts'
import type { PipelineObserver, SinkEvent } from '../core/sink.ts'
import type { Claim, StreamLog } from '../core/stream-log.ts'
import { HandlerPool } from '../worker/handler-pool.ts'
import { Worker } from '../worker/worker.ts'
import type { WorkerOptions } from '../worker/worker-options.ts'
import { asConnectorError, Failures } from './failures.ts'
import { inTime } from './in-time.ts'
import type { SinkPipelineDeclaration } from './pipeline.ts'
import type { PipelineRun, PipelineState, PipelineStatus } from './pipeline-run.ts'
import { SinkLink, type LinkState } from './sink-link.ts'
import { SinkWriter } from './sink-writer.ts'

/** What a pipeline runs on. */
export interface PipelineSurroundings {
  streams: StreamLog
  log: Log
  observer?: PipelineObserver
  /** What every event goes through before the middleware of the pipeline, such as what decrypts it. */
  middleware?: readonly Middleware[]
  /** What goes on around the way and the writing of a batch, such as what traces its events. */
  around?: (run: BatchHandler) => BatchHandler
  /** Its consumers' name; unique per process. */
  consumer?: string
}

const BATCH_SIZE = 100
const WRITE_TIMEOUT_MS = 60_000
const CONNECT_TIMEOUT_MS = 30_000
const RETRY_DELAY_MS = 5_000
/** How much longer than the deadline of a stop a sink may take to let go, in ms. */
const CLOSE_GRACE_MS = 500
/** Batches in hand for each write that may run: one is written while the next one comes. */
const BATCHES_HELD = 2

/** One life of the pipeline, from a start to a stop. */
interface Life {
  link: SinkLink
  writer: SinkWriter
  workers: Worker[]
  stopping: AbortController
  ending: AbortController
  joining: Promise<void>
  /** Set by the first who stops it. */
  ended?: Promise<void>
}

/** Runs a pipeline to a sink: a consumer on each of its streams, which share what the sink can take. */
export class SinkPipeline implements PipelineRun {
  readonly #declaration: SinkPipelineDeclaration
  readonly #surroundings: PipelineSurroundings
  readonly #failures: Failures
  #life: Life | undefined
  #paused = false
  #written = 0
  #refused = 0

  constructor(declaration: SinkPipelineDeclaration, surroundings: PipelineSurroundings) {
    this.#declaration = declaration
    this.#surroundings = surroundings
    this.#failures = new Failures(declaration.name, surroundings.observer)
    // What is wrong with its options is told now.
    for (const stream of declaration.streams) this.#worker(stream, async () => {}, new HandlerPool(1))
  }

  get status(): PipelineStatus {
    const { name, streams, group } = this.#declaration
    const { writer, workers = [] } = this.#life ?? {}
    const statuses = workers.map(({ status }) => status)
    return {
      name,
      kind: 'sink',
      state: this.#state,
      streams,
      group,
      written: this.#written + (writer?.written ?? 0),
      refused: this.#refused + (writer?.refused ?? 0),
      held: statuses.reduce((sum, { held }) => sum + held, 0),
      lastWriteAt: writer?.lastWriteAt,
      lastError: this.#failures.last,
      lastLoops: statuses.map(({ lastLoopAt }) => lastLoopAt),
    }
  }

  /** Resolves at once: neither Redis nor a sink that is not there keeps a service from starting. */
  async start(): Promise<void> {
    this.#life ??= this.#begin()
  }

  pause(): void {
    this.#paused = true
    for (const worker of this.#life?.workers ?? []) worker.pause()
  }

  resume(): void {
    this.#paused = false
    for (const worker of this.#life?.workers ?? []) worker.resume()
  }

  async restart(deadlineMs: number): Promise<void> {
    await this.stop(deadlineMs)
    await this.start()
  }

  /**
   * What waits for its sink is given back at once; what is being written has until the deadline. A sink that does not let
   * go is left behind soon after it, so that the pipeline can start anew.
   */
  async stop(deadlineMs: number): Promise<void> {
    const life = this.#life
    // Whoever stops it too waits for the same end: a second close would be one of what was connected meanwhile.
    if (life) await (life.ended ??= this.#end(life, deadlineMs))
  }

  async #end(life: Life, deadlineMs: number): Promise<void> {
    const end = performance.now() + deadlineMs
    life.stopping.abort()
    await Promise.all(life.workers.map((worker) => worker.stop(deadlineMs)))
    life.ending.abort(new SinkError('SINK_UNAVAILABLE', 'the pipeline stops, and the write took too long'))
    await life.joining
    await this.#letGo(life.link, Math.max(end - performance.now(), CLOSE_GRACE_MS))
    this.#written += life.writer.written
    this.#refused += life.writer.refused
    this.#life = undefined
  }

  async #letGo(link: SinkLink, timeoutMs: number): Promise<void> {
    const never = new AbortController().signal
    await inTime('letting go of the sink', timeoutMs, never, () => link.close()).catch((thrown: unknown) => {
      const error = toError(thrown)
      this.#failures.note(error)
      this.#surroundings.log.warn({ error }, `The sink is left behind: ${error.message}`)
    })
  }

  get #state(): PipelineState {
    if (!this.#life) return 'stopped'
    const state = STATES[this.#life.link.state]
    return state === 'running' && this.#paused ? 'paused' : state
  }

  #begin(): Life {
    const { name, streams, to, concurrency, writeTimeoutMs, retryDelayMs } = this.#declaration
    const { streams: source, log, observer } = this.#surroundings
    const [stopping, ending] = [new AbortController(), new AbortController()]
    const link = new SinkLink(to, {
      context: { name, streams, source, log },
      retryDelayMs: retryDelayMs ?? RETRY_DELAY_MS,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      onFailure: (error) => this.#failures.note(error),
    })
    const writer = new SinkWriter(to, link, {
      name,
      writeTimeoutMs: writeTimeoutMs ?? WRITE_TIMEOUT_MS,
      observer,
      stopping: stopping.signal,
      ending: ending.signal,
    })
    link.open()
    const pool = new HandlerPool(concurrency ?? to.concurrency ?? 1)
    const handler = this.#handler(writer)
    const workers = this.#declaration.streams.map((stream) => this.#worker(stream, handler, pool))
    if (this.#paused) for (const worker of workers) worker.pause()
    return { link, writer, workers, stopping, ending, joining: this.#join(workers, link, stopping.signal) }
  }

  #handler(writer: SinkWriter): BatchHandler {
    const way = [...(this.#surroundings.middleware ?? []), ...(this.#declaration.middleware ?? [])]
    // Where nothing is on the way, nobody pays for one, and nobody can have changed anything.
    const isDirect = way.length === 0
    const withJson = isDirect && this.#declaration.to.wantsJson === true
    const write: BatchHandler = (deliveries) => writer.write(sinkEvents(deliveries, withJson))
    const run = isDirect ? write : batched((arrive) => compose(...way)(arrive), write)
    return this.#surroundings.around?.(run) ?? run
  }

  /** Nothing is read before the sink was there once: other instances may reach theirs. */
  async #join(workers: readonly Worker[], link: SinkLink, stopping: AbortSignal): Promise<void> {
    await link.ready(stopping).catch(() => {})
    await Promise.all(workers.map((worker) => this.#startWorker(worker, stopping)))
  }

  async #startWorker(worker: Worker, stopping: AbortSignal): Promise<void> {
    const { retryDelayMs = RETRY_DELAY_MS } = this.#declaration
    while (!stopping.aborted) {
      try {
        return await worker.start()
      } catch (error) {
        if (stopping.aborted) return
        this.#failures.note(asConnectorError(toError(error)))
        const { message } = toError(error)
        this.#surroundings.log.warn({ error }, `The group can't be joined, trying on: ${message}`)
        await pause(retryDelayMs, stopping)
      }
    }
  }

  #worker(stream: string, batchHandler: BatchHandler, pool: HandlerPool): Worker {
    const { group, batch = { size: BATCH_SIZE } } = this.#declaration
    const { streams, log, consumer } = this.#surroundings
    const options: WorkerOptions = {
      ...groupPart(this.#declaration),
      ...(consumer !== undefined && { consumer }),
      stream,
      group,
      batch,
      batchHandler,
      log,
      // A sink that is not there is waited for; a write has a limit of its own.
      handlerTimeoutMs: Infinity,
      maxHeld: BATCHES_HELD * batch.size * pool.concurrency,
    }
    return new Worker(streams, options, { pool, weight: 1 })
  }
}

const STATES: Record<LinkState, PipelineState> = {
  connecting: 'connecting',
  connected: 'running',
  unavailable: 'retrying',
  failed: 'failed',
  closed: 'stopped',
}

function groupPart(declaration: SinkPipelineDeclaration): Partial<WorkerOptions> {
  const { claimIntervalMs, deadAfterMs, deduplicate, maxFaultDelayMs, minIdleMs, order, pollMs } = declaration
  const { rateLimit, retry, start } = declaration
  const all = { claimIntervalMs, deadAfterMs, deduplicate, maxFaultDelayMs, minIdleMs, order, pollMs }
  const given = Object.entries({ ...all, rateLimit, retry, start }).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given) as Partial<WorkerOptions>
}

/** Those that middleware made of one entry stand one behind the other. */
function sinkEvents(deliveries: readonly Delivery[], withJson: boolean): SinkEvent[] {
  let part = 0
  let before: Delivery | undefined
  return deliveries.map((delivery) => {
    const { event, stream, position, entry } = delivery
    part = before?.entry.position === entry.position ? part + 1 : 0
    before = delivery
    const dataJson = withJson ? writtenJson(event) : undefined
    return { event, stream, position, part, redelivered: isRedelivered(delivery), entry, dataJson }
  })
}

/** What is new to the group: a copy of an entry, and what was given back with no attempt spent, are not. */
const isRedelivered = ({ attempt, copyOf, entry }: Delivery): boolean =>
  attempt > 1 || copyOf !== undefined || (entry as Claim).origin !== 'new'
