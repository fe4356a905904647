import { PublishError, type MillraceError } from '../core/errors.ts'
import type { NewEvent } from '../core/event.ts'
import type { StreamLog } from '../core/stream-log.ts'
import type { DataIn, NewEventOf, Schemas, StreamDeclaration, TypeOf } from '../core/stream.ts'
import type { WorkerOptions } from '../worker/worker-options.ts'
import { Worker } from '../worker/worker.ts'
import { dispatch, type Handlers } from './dispatch.ts'
import { Publisher, type PublisherOptions } from './publisher.ts'
import { tail, type TailedEntry, type TailOptions } from './tail.ts'

/** What a publisher may say besides type and data. */
export type PublishOptions = Omit<NewEvent, 'type' | 'data'>
export type ConsumeOptions = Omit<WorkerOptions, 'stream' | 'handler'>

/** How long `close` waits for handlers that run, in ms. */
const CLOSE_DEADLINE_MS = 30_000

/** Publishing and consuming on one StreamLog. Whoever makes a bus closes it. */
export class Bus {
  readonly #log: StreamLog
  readonly #publisher: Publisher
  readonly #closeLog: () => Promise<void>
  readonly #workers = new Set<Worker>()

  /** @param closeLog ends the log when the bus is closed; leave it out for a log that others use too */
  constructor(log: StreamLog, options: PublisherOptions & { closeLog?: () => Promise<void> } = {}) {
    this.#log = log
    this.#publisher = new Publisher(log, options)
    this.#closeLog = options.closeLog ?? (async () => {})
  }

  /**
   * Publishes one event; calls made close together travel together. Answers its position, and then it is not lost
   * while Redis keeps its data.
   *
   * @throws InvalidError `EVENT_INVALID` with the fields at fault; nothing was written
   * @throws MillraceError `PUBLISH_UNCERTAIN` when the reply was lost; publishing again is safe with an idempotency key
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

  /** Consumes a stream through a group; resolves when the worker runs. `close` stops it, or its own `stop`. */
  async consume<S extends Schemas>(
    stream: StreamDeclaration<S>,
    options: ConsumeOptions,
    handlers: Handlers<S>,
  ): Promise<Worker> {
    const worker = new Worker(this.#log, {
      ...options,
      stream: stream.name,
      handler: dispatch(stream, handlers),
    })
    // Before it runs, so that a close meanwhile stops it.
    this.#workers.add(worker)
    await worker.start().catch((error: unknown) => {
      this.#workers.delete(worker)
      throw error
    })
    return worker
  }

  /** Reads a stream without a group; see {@link tail}. */
  tail(stream: string | StreamDeclaration, options?: TailOptions): AsyncGenerator<TailedEntry> {
    return tail(this.#log, typeof stream === 'string' ? stream : stream.name, options)
  }

  /** Stops its workers, waits for what is being published, and ends the connections. */
  async close(deadlineMs = CLOSE_DEADLINE_MS): Promise<void> {
    await Promise.all([...this.#workers].map((worker) => worker.stop(deadlineMs)))
    await this.#closeLog()
  }
}
