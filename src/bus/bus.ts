import { MillraceError, PublishError } from '../core/errors.ts'
import type { BatchHandler, Delivery } from '../core/delivery.ts'
import type { NewEvent } from '../core/event.ts'
import type { Jobs, JobWork } from '../core/jobs.ts'
import type { Operations } from '../core/operations.ts'
import type { RetentionDeclaration } from '../core/retention-policy.ts'
import type { RpcFigures, RpcLog, RpcTimes } from '../core/rpc.ts'
import { noLog, type Log, type Service } from '../core/service.ts'
import type { StreamLog } from '../core/stream-log.ts'
import { tracedLog } from '../core/traced-log.ts'
import type { DataIn, NewEventOf, Schemas, StreamDeclaration, TypeOf } from '../core/stream.ts'
import type { GatherOptions, RequestOptions } from '../rpc/ask.ts'
import type { Answer, ContractOf, ReplyOut, RequestIn } from '../rpc/contract.ts'
import type { ReplyOptions } from '../rpc/reply-options.ts'
import { RpcClient, type ReplyHandler } from '../rpc/rpc-client.ts'
import type { GatheredReply } from '../rpc/rpc-error.ts'
import type { JobDeclaration } from '../schedule/job.ts'
import { jobGroup } from '../schedule/job-group.ts'
import { MultiStreamWorker, type MultiStreamOptions } from '../worker/multi-stream-worker.ts'
import type { WorkerOptions } from '../worker/worker-options.ts'
import { Worker } from '../worker/worker.ts'
import { Background } from './background.ts'
import {
  groupBatchHandler,
  groupHandler,
  type BatchGroupOptions,
  type GroupOptions,
} from './group-handler.ts'
import type { HandlerKey, Handlers } from './handlers.ts'
import { Publisher, type PublisherOptions } from './publisher.ts'
import { tail, type TailedEntry, type TailOptions } from './tail.ts'

/** What a publisher may say besides type and data. */
export type PublishOptions = Omit<NewEvent, 'type' | 'data'>

/** When an event is to enter its stream: at a time, or so many ms from now by the clock of the server. */
export type When = { at: Date } | { delayMs: number }

export interface BusOptions extends PublisherOptions {
  log?: Log
  /** What can be done beside publishing and consuming; without it there is no scheduling, retention or redrive. */
  operations?: Operations
  /** What requests and replies need of the log; without it there are none. */
  rpc?: RpcLog
  /** Takes how long requests took. */
  rpcTimes?: RpcTimes
  /** What jobs can do beside what needs `operations` alone: backup and restore, on Redis. */
  works?: () => readonly JobWork[]
  /** Ends the log when the bus is closed; leave it out for a log that others use too. */
  closeLog?: () => Promise<void>
}

/** How long `close` waits for handlers that run, in ms. */
const CLOSE_DEADLINE_MS = 30_000

interface Stoppable {
  stop(deadlineMs: number): Promise<void>
}

/** Publishing and consuming on one StreamLog. Whoever makes a bus closes it. */
export class Bus {
  /** What it publishes to and consumes. */
  readonly log: StreamLog
  readonly #options: BusOptions
  readonly #publisher: Publisher
  readonly #background: Background | undefined
  readonly #workers = new Set<Stoppable>()
  readonly #rpc: RpcClient | undefined

  constructor(log: StreamLog, options: BusOptions = {}) {
    this.log = log
    this.#options = options
    this.#publisher = new Publisher(log, options)
    const { operations, log: lines = noLog, works } = options
    this.#background = operations && new Background(operations, lines, works)
    const { rpc, rpcTimes: times, tracing, maxEventBytes: maxBytes } = options
    const calls = {
      log: options.log ?? noLog,
      tracing,
      ...(times && { times }),
      ...(maxBytes && { maxBytes }),
    }
    this.#rpc = rpc && new RpcClient(log, rpc, calls)
  }

  /**
   * Dead letters, replays, pauses and resets of groups, retention, holds, schedules.
   *
   * @throws MillraceError `CONFIGURATION_INVALID` where the log has none of it
   */
  get operations(): Operations {
    if (this.#options.operations) return this.#options.operations
    throw noOperations()
  }

  /**
   * Long work on streams, such as a replay, as durable jobs with progress and an end on demand. From the first use on this
   * process runs jobs as well, whoever started them, until `close` hands them back.
   *
   * @example
   * const params = { stream: 'user:events', group: 'mailer', from: '2026-01-28T09:00:00Z' }
   * const { id } = await bus.jobs.start({ kind: 'replay', params, actor: 'ada@example.com', ratePerSecond: 500 })
   * for await (const { state, progress } of bus.jobs.watch(id, signal)) console.log(state, progress.done)
   *
   * @throws MillraceError `CONFIGURATION_INVALID` where the log has no operations
   */
  get jobs(): Jobs {
    if (this.#background) return this.#background.jobs
    throw noOperations()
  }

  /**
   * Publishes one event; calls made close together travel together. Answers its position, and then it is not lost
   * while Redis keeps its data.
   *
   * @throws InvalidError `EVENT_INVALID` with the fields at fault; nothing was written
   * @throws MillraceError `EVENT_FILTERED` where middleware took it out; `PUBLISH_UNCERTAIN` when the reply was lost:
   *   publishing again is safe with an idempotency key
   */
  async publish<S extends Schemas, K extends TypeOf<S>>(
    stream: StreamDeclaration<S>,
    type: K,
    data: DataIn<S, K>,
    options?: PublishOptions,
  ): Promise<string> {
    const [result] = await this.#publisher.publish(stream as StreamDeclaration, [{ ...options, type, data }])
    if (typeof result === 'string') return result
    throw result as MillraceError
  }

  /**
   * Publishes events in order and answers their positions. All are checked before any is written.
   *
   * @throws PublishError with a result for each, when some were not written
   */
  async publishMany<S extends Schemas>(
    stream: StreamDeclaration<S>,
    events: readonly NewEventOf<S>[],
  ): Promise<string[]> {
    const results = await this.#publisher.publish(stream as StreamDeclaration, events)
    if (results.every((result) => typeof result === 'string')) return results
    throw new PublishError(results)
  }

  /** Publishes to a stream that is known by its name alone, so without a schema; a result for each event. */
  publishUntyped(stream: string, events: readonly NewEvent[]): Promise<(string | MillraceError)[]> {
    return this.#publisher.publish(stream, events)
  }

  /**
   * Publishes one event later: it waits in Redis, durably, and enters its stream when it is due. Answers an id by which
   * `operations.schedule` lists and cancels it.
   *
   * @example
   * await bus.schedule(users, 'user.reminded', { userId: '1' }, { delayMs: 3_600_000 })
   *
   * @throws InvalidError `EVENT_INVALID` with the fields at fault, and for a time that is none
   */
  async schedule<S extends Schemas, K extends TypeOf<S>>(
    stream: StreamDeclaration<S>,
    type: K,
    data: DataIn<S, K>,
    when: When,
    options?: PublishOptions,
  ): Promise<string> {
    const { schedule } = this.operations
    const entry = await this.#publisher.entryOf(stream as StreamDeclaration, { ...options, type, data })
    this.#background!.moveScheduled()
    const due = 'at' in when ? { dueAt: when.at.getTime() } : { delayMs: when.delayMs }
    const [result] = await schedule.schedule(stream.name, [{ ...entry, ...due }])
    if (typeof result === 'string') return result
    throw result as MillraceError
  }

  /**
   * Has an event written in the same step as the acknowledgement of the delivery: both happen or neither. So what comes
   * of an event is written once, whatever crashes. Both streams must be in one slot: give them one tag, as in
   * `{shop}:orders` and `{shop}:invoices`. Nothing is written where the handler throws.
   *
   * @throws InvalidError `EVENT_INVALID` with the fields at fault
   */
  async produce<S extends Schemas, K extends TypeOf<S>>(
    delivery: Delivery,
    stream: StreamDeclaration<S>,
    type: K,
    data: DataIn<S, K>,
    options?: Omit<PublishOptions, 'idempotencyKey' | 'durability'>,
  ): Promise<void> {
    const { fields } = await this.#publisher.entryOf(stream as StreamDeclaration, { ...options, type, data })
    delivery.produce(stream.name, fields)
  }

  /** Consumes a stream through a group; resolves when the worker runs. `close` stops it, or its own `stop`. */
  async consume<S extends Schemas, K extends HandlerKey<S> = TypeOf<S> | '*'>(
    stream: StreamDeclaration<S>,
    options: GroupOptions,
    handlers: Handlers<S, K>,
  ): Promise<Worker> {
    const { handler, workerOptions } = groupHandler(stream, options, handlers)
    return this.#run({ ...workerOptions, stream: stream.name, handler })
  }

  /**
   * Consumes a stream in batches: many deliveries in one call of the handler, such as one transaction for all. Each is
   * checked as for a handler of its own; events of types that the stream does not declare come as they were written.
   */
  consumeBatches(
    stream: StreamDeclaration,
    options: BatchGroupOptions,
    handler: BatchHandler,
  ): Promise<Worker> {
    const { batchHandler, workerOptions } = groupBatchHandler(stream, options, handler)
    return this.#run({ ...workerOptions, stream: stream.name, batchHandler })
  }

  /** One consumer on many streams, to be added while it runs; see {@link MultiStreamWorker}. `close` stops it. */
  async consumeMany(options: MultiStreamOptions = {}): Promise<MultiStreamWorker> {
    const worker = new MultiStreamWorker(this.#consumed, { log: this.#options.log ?? noLog, ...options })
    this.#workers.add(worker)
    this.#background?.moveScheduled()
    await worker.start()
    return worker
  }

  /**
   * Runs jobs: each tick once, however many processes run them, and those of one job one after the other.
   *
   * @throws MillraceError `CONFIGURATION_INVALID` when two jobs have one name, or the log has no operations
   */
  async runJobs(jobs: readonly JobDeclaration[]): Promise<void> {
    if (!this.#background) return void this.operations
    const group = jobGroup(jobs)
    if (group) await this.#run({ order: 'key', ...group, stream: group.stream.name })
    await this.#background.runJobs(jobs, (name, events) => this.publishUntyped(name, events))
  }

  /**
   * Keeps a stream from growing without end, while the bus is open; never by what a group, a declared one or a hold needs,
   * unless there is a hard cap. Several processes may do so at once.
   *
   * @throws InvalidError `CONFIGURATION_INVALID` with every mistake in it
   */
  retain(declaration: RetentionDeclaration): void {
    if (!this.#background) return void this.operations
    this.#background.retain(declaration)
  }

  /**
   * Asks by a contract (see `rpc` of `millrace/rpc`), and answers the reply. The request carries its time-out: no handler
   * begins it when that is over.
   *
   * @example
   * const { temperature } = await bus.request(weather, { city: 'New York' }, { timeout: 5_000 })
   *
   * @throws InvalidError `EVENT_INVALID` for a request that does not fit; RpcError for what the contract declares;
   *   MillraceError `RPC_TIMEOUT`, `RPC_FAILED` where the handler failed otherwise, `RPC_CANCELLED`, `RPC_BUSY`, and
   *   `RPC_INTERRUPTED` when the bus was closed meanwhile
   */
  async request<C extends ContractOf<'one'>>(
    contract: C,
    data: RequestIn<C>,
    options?: RequestOptions,
  ): Promise<ReplyOut<C>> {
    return this.#calls.request(contract, data, options)
  }

  /** Asks for many parts, which come as they are made; see {@link RpcClient.requestParts}. */
  requestParts<C extends ContractOf<'parts'>>(
    contract: C,
    data: RequestIn<C>,
    options?: RequestOptions,
  ): AsyncGenerator<ReplyOut<C>, void> {
    return this.#calls.requestParts(contract, data, options)
  }

  /** Asks all responders, and answers the first replies; see {@link RpcClient.gather}. */
  async gather<C extends ContractOf<'all'>>(
    contract: C,
    data: RequestIn<C>,
    options: GatherOptions,
  ): Promise<GatheredReply<ReplyOut<C>>[]> {
    return this.#calls.gather(contract, data, options)
  }

  /**
   * Answers requests of a contract; resolves when it does. `close` stops it, or its own `stop`.
   *
   * @example
   * await bus.reply(weather, { terminals: 5 }, async ({ city }, { signal }) => forecast(city, signal))
   */
  async reply<C extends ContractOf<Answer>>(
    contract: C,
    options: ReplyOptions,
    handler: ReplyHandler<C>,
  ): Promise<Service> {
    return this.#calls.reply(contract, options, handler)
  }

  /** What is pending, running, late and expired of requests and replies, by stream. */
  get rpcFigures(): readonly RpcFigures[] {
    return this.#rpc?.figures ?? []
  }

  /** Reads a stream without a group; see {@link tail}. */
  tail(stream: string | StreamDeclaration, options?: TailOptions): AsyncGenerator<TailedEntry> {
    return tail(this.log, typeof stream === 'string' ? stream : stream.name, options)
  }

  /** Stops its workers, waits for what is being published, and ends the connections. */
  async close(deadlineMs = CLOSE_DEADLINE_MS): Promise<void> {
    const calls = this.#rpc?.close(deadlineMs)
    await Promise.all([calls, ...[...this.#workers].map((worker) => worker.stop(deadlineMs))])
    await this.#background?.close(deadlineMs)
    await this.#options.closeLog?.()
  }

  async #run(options: WorkerOptions): Promise<Worker> {
    const worker = new Worker(this.#consumed, { log: this.#options.log ?? noLog, ...this.#traced(options) })
    // Before it runs, so that a close meanwhile stops it.
    this.#workers.add(worker)
    this.#background?.moveScheduled()
    await worker.start().catch((error: unknown) => {
      this.#workers.delete(worker)
      throw error
    })
    return worker
  }

  get #calls(): RpcClient {
    if (this.#rpc) return this.#rpc
    const message = 'this log has no requests and replies; connect to Redis for them'
    throw new MillraceError('CONFIGURATION_INVALID', message)
  }

  /** Where there is tracing, with spans of what is received and settled. */
  get #consumed(): StreamLog {
    const { tracing } = this.#options
    return tracing ? tracedLog(this.log, tracing) : this.log
  }

  /** Where there is tracing, a span of every start of a handler. */
  #traced(options: WorkerOptions): WorkerOptions {
    const { tracing } = this.#options
    const { handler, batchHandler } = options
    if (!tracing) return options
    return {
      ...options,
      ...(handler && { handler: (delivery) => tracing.process([delivery], () => handler(delivery)) }),
      ...(batchHandler && {
        batchHandler: (deliveries) =>
          tracing.process(deliveries as [Delivery, ...Delivery[]], () => batchHandler(deliveries)),
      }),
    }
  }
}

const noOperations = (): MillraceError =>
  new MillraceError('CONFIGURATION_INVALID', 'this log has no operations; connect to Redis for them')
