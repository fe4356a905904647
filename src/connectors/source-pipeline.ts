import { setImmediate as turn } from 'node:timers/promises'
import { answerWithin } from '../core/answer-within.ts'
import { backoffMs } from '../core/backoff.ts'
import type { PreparedEvent } from '../core/checked-entry.ts'
import { Publisher } from '../bus/publisher.ts'
import { ConfigurationError } from '../core/connector-errors.ts'
import { MillraceError, toError } from '../core/errors.ts'
import { pause } from '../core/pause.ts'
import type { CursorLease, Cursors, SourceBatch, SourceItem } from '../core/source.ts'
import { letterOf } from '../worker/ending.ts'
import { asConnectorError, Failures } from './failures.ts'
import type { SourcePipelineDeclaration } from './pipeline.ts'
import type { PipelineRun, PipelineState, PipelineStatus } from './pipeline-run.ts'
import type { PipelineSurroundings } from './sink-pipeline.ts'

export interface SourceSurroundings extends PipelineSurroundings {
  cursors: Cursors
}

const RETRY_DELAY_MS = 5_000
const FIRST_DELAY_MS = 100
/** How long a stop waits for a lease to be given back that a source did not let go of. */
const RELEASE_MS = 500

/** From a start to a stop. */
interface Life {
  readonly stopping: AbortController
  loop: Promise<void>
  lease?: CursorLease
  /** Set by the first who stops it. */
  ended?: Promise<void>
}

/**
 * Runs a pipeline from a source: publishes what it reads, in its order, then remembers how far it is. Of all instances one
 * reads at a time, so that the ids of what is read are the same whoever reads it.
 */
export class SourcePipeline implements PipelineRun {
  readonly #declaration: SourcePipelineDeclaration
  readonly #surroundings: SourceSurroundings
  readonly #publisher: Publisher
  readonly #failures: Failures
  #state: PipelineState = 'stopped'
  #paused = false
  #onResume: (() => void) | undefined
  #written = 0
  #refused = 0
  #lastWriteAt: number | undefined
  #life: Life | undefined
  /** Who reads the source while this instance stands by. */
  #reader: string | undefined

  constructor(declaration: SourcePipelineDeclaration, surroundings: SourceSurroundings) {
    this.#declaration = declaration
    this.#surroundings = surroundings
    const { name, middleware = [] } = declaration
    this.#failures = new Failures(name, surroundings.observer)
    this.#publisher = new Publisher(surroundings.streams, { middleware })
  }

  get status(): PipelineStatus {
    const { name, stream } = this.#declaration
    return {
      name,
      kind: 'source',
      state: this.#paused && this.#state === 'running' ? 'paused' : this.#state,
      streams: [stream],
      group: undefined,
      written: this.#written,
      refused: this.#refused,
      held: 0,
      lastWriteAt: this.#lastWriteAt,
      lastError: this.#failures.last,
      lastLoops: [],
    }
  }

  async start(): Promise<void> {
    if (this.#life) return
    this.#state = 'connecting'
    const life: Life = { stopping: new AbortController(), loop: Promise.resolve() }
    this.#life = life
    life.loop = this.#loop(life)
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#onResume?.()
  }

  async restart(deadlineMs: number): Promise<void> {
    await this.stop(deadlineMs)
    await this.start()
  }

  /** What was read and not published is read again; a source that does not end in time is left behind. */
  async stop(deadlineMs: number): Promise<void> {
    const life = this.#life
    // Whoever stops it too waits for the same end, and not for that of the next life.
    if (life) await (life.ended ??= this.#end(life, deadlineMs))
  }

  async #end(life: Life, deadlineMs: number): Promise<void> {
    life.stopping.abort()
    await answerWithin(life.loop, deadlineMs)
      // One that is left behind must not keep the next one from reading.
      .catch(() => answerWithin(giveBack(life.lease), RELEASE_MS))
      .catch(() => {})
    this.#life = undefined
    this.#state = 'stopped'
  }

  async #loop(life: Life): Promise<void> {
    const stopping = life.stopping.signal
    const { retryDelayMs = RETRY_DELAY_MS } = this.#declaration
    for (let failures = 0; !stopping.aborted; failures++) {
      const before = this.#written
      try {
        if (await this.#run(life, stopping)) return
        failures = 0
        await pause(FIRST_DELAY_MS, stopping)
      } catch (thrown) {
        if (stopping.aborted) return
        if (this.#isHopeless(asConnectorError(toError(thrown)), failures)) return
        if (this.#written > before) failures = 0
        await pause(backoffMs(FIRST_DELAY_MS, failures, retryDelayMs), stopping)
      }
    }
  }

  #isHopeless(error: Error, failures: number): boolean {
    const { log } = this.#surroundings
    this.#failures.note(error)
    const isHopeless = error instanceof ConfigurationError
    this.#state = isHopeless ? 'failed' : 'retrying'
    if (isHopeless) log.error({ error }, `The source can't be read until it is mended: ${error.message}`)
    else if (failures % 30 === 0) log.warn({ error }, `The source failed, trying on: ${error.message}`)
    return isHopeless
  }

  /** Whether there is nothing more to do: all is read, or the pipeline stops. */
  async #run(life: Life, stopping: AbortSignal): Promise<boolean> {
    const { name } = this.#declaration
    const lease = await this.#surroundings.cursors.acquire(name, (reader) => this.#standBy(reader), stopping)
    life.lease = lease
    try {
      if (stopping.aborted) return true
      this.#takeOver()
      await this.#read(lease, AbortSignal.any([stopping, lease.lost]))
      if (stopping.aborted) return true
      if (lease.lost.aborted) return false
      this.#state = 'finished'
      return true
    } catch (error) {
      // Then the source ended as it was told to, by throwing.
      if (lease.lost.aborted) return stopping.aborted
      throw error
    } finally {
      await giveBack(lease)
    }
  }

  async #read(lease: CursorLease, signal: AbortSignal): Promise<void> {
    const { name, from } = this.#declaration
    const { log } = this.#surroundings
    for await (const batch of from.read({ name, log, signal, cursor: lease.cursor })) {
      // A batch that is not in the stream is read again, from the cursor before it.
      if (signal.aborted) return
      this.#state = 'running'
      await this.#resumed(signal)
      const prepared = await this.#prepareAll(batch, signal)
      if (signal.aborted) return
      await this.#publish(prepared)
      if (!(await lease.save(batch.cursor))) return
      await turn()
    }
  }

  #standBy(reader: string): void {
    this.#state = 'standby'
    if (this.#reader === reader) return
    this.#reader = reader
    this.#surroundings.log.info({ reader }, `The source is read by ${reader}; this instance stands by`)
  }

  #takeOver(): void {
    this.#reader = undefined
    if (this.#state !== 'standby') return
    this.#state = 'connecting'
    this.#surroundings.log.info({}, 'The source is read by this instance from now on')
  }

  async #resumed(signal: AbortSignal): Promise<void> {
    while (this.#paused && !signal.aborted)
      await new Promise<void>((resolve) => {
        this.#onResume = resolve
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
  }

  /** What can't be published is buried first: then all that the cursor leaves behind is somewhere. */
  async #prepareAll({ items }: SourceBatch, signal: AbortSignal): Promise<PreparedEvent[]> {
    const prepared: PreparedEvent[] = []
    for (const item of items) {
      if (signal.aborted) break
      const event = await this.#prepare(item)
      if (event) prepared.push(event)
    }
    return prepared
  }

  async #publish(prepared: readonly PreparedEvent[]): Promise<void> {
    const { name, stream } = this.#declaration
    if (prepared.length === 0) return
    const results = await this.#publisher.write(stream, prepared)
    for (const result of results)
      if (typeof result !== 'string' && result.code !== 'EVENT_FILTERED') throw explained(result)
    const published = results.filter((result) => typeof result === 'string').length
    this.#written += published
    this.#lastWriteAt = Date.now()
    this.#surroundings.observer?.published(name, published)
  }

  /** What is to be written of an item; undefined where it was buried. */
  async #prepare(item: SourceItem): Promise<PreparedEvent | undefined> {
    if ('raw' in item) return this.#bury(item.raw, unreadable(item.reason), item.id)
    try {
      return await this.#publisher.prepareEntries(this.#declaration.stream, this.#event(item))
    } catch (error) {
      if (!isRefusal(error)) throw error
      return this.#bury(JSON.stringify(item.event), error, item.id)
    }
  }

  /** Read again after a crash, it is not written again. */
  #event({ event, id }: Extract<SourceItem, { event: unknown }>) {
    return { ...event, idempotencyKey: event.idempotencyKey ?? `${this.#declaration.name}:${id}` }
  }

  /** Among the dead letters of its stream, for somebody to look at; it never was an entry, so it can't be redriven. */
  async #bury(raw: string, error: MillraceError, id: string): Promise<undefined> {
    const { name, stream } = this.#declaration
    const { streams } = this.#surroundings
    this.#refused++
    this.#surroundings.observer?.failed(name, error.code)
    const why = { stream, group: name, attempts: '1', ...letterOf(error) }
    const fields = [
      ...Object.entries(why).flatMap(([field, value]) => [`deadletter-${field}`, value]),
      'raw',
      raw,
    ]
    const entry = { fields, idempotencyKey: `${name}:${id}` }
    const [result] = await streams.append(streams.deadLetterStream(stream), [entry])
    if (typeof result !== 'string') throw explained(result!)
  }
}

/** Where Redis is away, it runs out. */
const giveBack = async (lease: CursorLease | undefined): Promise<void> => lease?.release().catch(() => {})

/** Nobody chose the key of an item, so advice about keys would help nobody. */
function explained(failure: MillraceError): MillraceError {
  if (failure.code !== 'IDEMPOTENCY_CONFLICT') return failure
  const message =
    'what is read again was published before as another event: its options or its middleware have changed since; ' +
    `it goes on when the id is forgotten (idempotencyTtlMs), and the item is there twice then (${failure.message})`
  return new MillraceError(failure.code, message, { cause: failure })
}

const unreadable = (reason: string): MillraceError => new MillraceError('EVENT_UNDECODABLE', reason)

/** What no later attempt can publish. */
const isRefusal = (error: unknown): error is MillraceError =>
  error instanceof MillraceError && (error.code.startsWith('EVENT_') || error.code === 'NAME_INVALID')
