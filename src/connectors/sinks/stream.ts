import { checkedEntry } from '../../core/checked-entry.ts'
import { ConfigurationError, MessageProcessingError, SinkError } from '../../core/connector-errors.ts'
import type { BatchFaults } from '../../core/delivery.ts'
import { collectIssues, InvalidError, MillraceError, type Issue } from '../../core/errors.ts'
import { checkName } from '../../core/names.ts'
import type { Sink, SinkContext, SinkEvent } from '../../core/sink.ts'
import type { NewEntry, StreamLog } from '../../core/stream-log.ts'
import { fingerprintOf } from '../../postgres/fingerprint.ts'
import { RedisStreamLog, type RedisLogOptions } from '../../redis/redis-log.ts'

export interface StreamSinkOptions {
  /** Where the events go. */
  stream: string
  /** The Redis that has that stream (the one that the pipeline reads). */
  redis?: RedisLogOptions
  /** Largest event, all its fields together, in bytes (1 MiB). */
  maxEventBytes?: number
}

/** Which repeats of a write are known, in ms. */
const REMEMBERED_MS = 3_600_000

/**
 * Writes to another stream, of the same Redis or another one. An event keeps its identity: `id` and `source` say where it
 * came from. What is written again after a crash is written once, while the target remembers it: an hour on a Redis of
 * its own, else as long as idempotency keys last there (10 minutes).
 *
 * @throws InvalidError `CONFIGURATION_INVALID`
 *
 * @example
 * pipeline('mirror', { from: users, to: streamSink({ stream: 'user:copies', redis: { url: 'redis://other:6379' } }) })
 */
export function streamSink(options: StreamSinkOptions): Sink {
  const issues: Issue[] = []
  collectIssues(issues, () => checkName('stream name', options.stream), 'stream')
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'the sink for a stream can not be used', issues)
  return new StreamSink(options)
}

class StreamSink implements Sink {
  readonly wantsJson = true
  readonly #options: StreamSinkOptions
  #target: StreamLog | undefined
  /** Opened here, so closed here. */
  #own: RedisStreamLog | undefined
  #prefix = ''

  constructor(options: StreamSinkOptions) {
    this.#options = options
  }

  async connect({ name, streams, source, log }: SinkContext): Promise<void> {
    const { stream, redis } = this.#options
    this.#prefix = `${name}:`
    if (!redis) {
      this.#refuseLoop(streams)
      this.#target = source
      return
    }
    // Its connections mend themselves.
    this.#own ??= await RedisStreamLog.open({ idempotencyTtlMs: REMEMBERED_MS, log, ...redis }).catch(
      openFailed,
    )
    this.#target = this.#own
    await this.#own.lastPosition(stream).catch((error: unknown) => {
      if (!(error instanceof MillraceError) || error.code !== 'UNKNOWN_STREAM') throw error
    })
  }

  async write(events: readonly SinkEvent[]): Promise<BatchFaults> {
    const faults: (Error | undefined)[] = []
    const entries: NewEntry[] = []
    const places: number[] = []
    for (const [index, event] of events.entries()) {
      try {
        entries.push(this.#entryOf(event))
        places.push(index)
      } catch (error) {
        faults[index] = refusal(error as Error)
      }
    }
    if (entries.length === 0) return faults
    const results = await this.#target!.append(this.#options.stream, entries)
    for (const [index, result] of results.entries())
      if (typeof result !== 'string') faults[places[index]!] = faultOf(result)
    return faults
  }

  async close(): Promise<void> {
    const own = this.#own
    this.#own = this.#target = undefined
    await own?.close()
  }

  #entryOf({ event, stream, position, part, entry, dataJson }: SinkEvent): NewEntry {
    const { id, type, time, data, key, headers } = event
    const source = headers['source'] ?? stream
    const copy = {
      type,
      data,
      id: part === 0 ? id : `${id}/${part}`,
      time,
      key,
      headers: { ...headers, source },
    }
    // Positions alone come again, where a stream was deleted or several servers are mirrored into one.
    const fingerprint = fingerprintOf(entry.fields)
    const idempotencyKey = `${this.#prefix}${stream}:${position}:${part}:${fingerprint}`
    return checkedEntry({ ...copy, idempotencyKey }, this.#options.maxEventBytes, dataJson)
  }

  /** What it writes would come back to it, without end. */
  #refuseLoop(streams: readonly string[]): void {
    const { stream } = this.#options
    if (!streams.includes(stream)) return
    const message = `is a stream that the pipeline reads, so it would never end: choose another one than ${JSON.stringify(stream)}`
    throw new ConfigurationError('the sink can not be used', [{ path: 'stream', message }])
  }
}

/** @throws SinkError where the whole batch is to be written again: what stands is known by its key */
function faultOf(error: MillraceError): Error | undefined {
  // The same entry stands there with other content: middleware changed its mind, and the first one counts.
  if (error.code === 'IDEMPOTENCY_CONFLICT') return undefined
  if (error.code === 'EVENT_TOO_LARGE' || error.code === 'EVENT_INVALID') return refusal(error)
  if (error.code === 'REDIS_REFUSED') return error
  throw new SinkError('SINK_UNAVAILABLE', error.message, { cause: error })
}

const refusal = (error: Error): MessageProcessingError =>
  new MessageProcessingError(
    error instanceof MillraceError && error.code === 'EVENT_TOO_LARGE' ? 'EVENT_TOO_LARGE' : 'EVENT_REFUSED',
    error.message,
    { cause: error },
  )

function openFailed(error: unknown): never {
  if (error instanceof MillraceError && error.code === 'REDIS_UNSUITABLE')
    throw new ConfigurationError(error.message, [], { cause: error })
  throw error
}
