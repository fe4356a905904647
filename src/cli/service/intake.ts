import { Publisher } from '../../bus/publisher.ts'
import type { PreparedEvent } from '../../core/checked-entry.ts'
import { MillraceError } from '../../core/errors.ts'
import type { NewEvent } from '../../core/event.ts'
import type { PublishMiddleware } from '../../core/pipeline.ts'
import type { StreamLog } from '../../core/stream-log.ts'
import type { StreamDeclaration } from '../../core/stream.ts'
import type { Tracing } from '../../core/tracing.ts'
import type { RedisStreamLog } from '../../redis/redis-log.ts'
import type { RedisCircuit } from './circuit.ts'

/** What comes in through the API and from jobs: checked, noted where the stream is new, and published. */
export class EventIntake {
  readonly #declared: ReadonlyMap<string, StreamDeclaration>
  readonly #middleware: readonly PublishMiddleware[]
  /** Streams that this process has registered, so that each costs one call. */
  readonly #registered = new Set<string>()
  readonly #onNewStream: () => void
  readonly #tracing: Tracing | undefined
  readonly #circuit: RedisCircuit
  readonly #maxStreams: number
  #log: RedisStreamLog | undefined
  #publisher: Publisher | undefined

  /** @param onNewStream told when a stream that the app does not declare is published to for the first time */
  constructor(
    streams: readonly StreamDeclaration[],
    middleware: readonly PublishMiddleware[],
    onNewStream: () => void,
    parts: { tracing: Tracing | undefined; circuit: RedisCircuit; maxStreams: number },
  ) {
    this.#declared = new Map(streams.map((stream) => [stream.name, stream]))
    this.#middleware = middleware
    this.#onNewStream = onNewStream
    this.#tracing = parts.tracing
    this.#circuit = parts.circuit
    this.#maxStreams = parts.maxStreams
  }

  /**
   * From now on there is something to publish to.
   *
   * @param counted what is published goes through it, such as the same log with a counter
   */
  open(log: RedisStreamLog, counted: StreamLog = log): void {
    this.#log = log
    this.#publisher = new Publisher(counted, { middleware: this.#middleware, tracing: this.#tracing })
  }

  /** A promise only where there is something to wait for. */
  prepare(stream: string, event: NewEvent): PreparedEvent | Promise<PreparedEvent> {
    return this.publisher.prepareEntries(this.#declared.get(stream) ?? stream, event)
  }

  async write(stream: string, events: readonly PreparedEvent[]): Promise<(string | MillraceError)[]> {
    const { publisher } = this
    return this.#circuit.run(() => {
      const write = () => publisher.write(stream, events)
      // Before it is published, so that no published event goes unseen.
      return this.#isKnown(stream) ? write() : this.#register(stream).then(write)
    })
  }

  /** Both in one: all are checked before the first is written. */
  async publish(stream: string, events: readonly NewEvent[]): Promise<(string | MillraceError)[]> {
    const prepared: PreparedEvent[] = []
    for (const event of events) prepared.push(await this.prepare(stream, event))
    return this.write(stream, prepared)
  }

  /** One event, by a declaration that may be none of the app's. Answers its position. */
  async publishOne(stream: string | StreamDeclaration, event: NewEvent): Promise<string> {
    const prepared = await this.publisher.prepareEntries(stream, event)
    const [result] = await this.write(typeof stream === 'string' ? stream : stream.name, [prepared])
    if (typeof result === 'string') return result
    throw result ?? new Error('the publisher gave no result')
  }

  /** @throws MillraceError `REDIS_UNAVAILABLE` before there is something to publish to */
  get publisher(): Publisher {
    if (this.#publisher) return this.#publisher
    throw new MillraceError('REDIS_UNAVAILABLE', 'the service has no connection to Redis yet; try again soon')
  }

  #isKnown(stream: string): boolean {
    return this.#declared.has(stream) || this.#registered.has(stream)
  }

  async #register(stream: string): Promise<void> {
    await this.#log!.register(stream, this.#maxStreams)
    this.#registered.add(stream)
    this.#onNewStream()
  }
}
