import type { Context } from 'hono'
import { pause } from '../../core/pause.ts'
import { HttpError } from '../http-error.ts'
import { renderProblem } from '../problem.ts'
import type { ServerEnv } from '../server-env.ts'

/** One event as it goes over the wire. */
export interface StreamedEvent {
  event: string
  data: object
  /** What a browser sends as `Last-Event-ID` when it comes again. */
  id?: string
}

export interface EventStreamOptions {
  /** How many there are now; kept up to date. */
  listeners: { count: number }
  /** Ends it: when the service stops. */
  stopping: AbortSignal
  /** Asked from time to time whether the caller may go on; false ends the stream. */
  mayGoOn: () => Promise<boolean>
  /** How long nothing may go over the wire, in ms, and how often `mayGoOn` is asked (15000). */
  heartbeatMs?: number
}

/** Proxies cut connections on which nothing goes. As often is asked whether the caller may go on. */
const HEARTBEAT_MS = 15_000
/** More than any number of operators opens; each costs a connection and a look at what changed. */
const MAX_LISTENERS = 200
/** A client that takes nothing for so long is let go. */
const STALLED_MS = 60_000
/** After how long a browser comes again, in ms. */
const RETRY_MS = 2_000

const encoder = new TextEncoder()
const HEARTBEAT = encoder.encode(': \n\n')
const PREAMBLE = encoder.encode(`retry: ${RETRY_MS}\n\n`)

/**
 * Server-sent events, made one at a time when the client takes them: for whoever is slow nothing is kept, and the next
 * event tells of what holds then. A comment goes now and then where there is nothing to tell.
 *
 * @param events ends the stream when it ends; gets a signal that says that nobody listens any more
 */
export function eventStream(
  c: Context<ServerEnv>,
  events: (signal: AbortSignal) => AsyncIterable<StreamedEvent>,
  options: EventStreamOptions,
): Response {
  if (options.listeners.count >= MAX_LISTENERS)
    throw new HttpError('OVERLOADED', `${MAX_LISTENERS} clients listen already; close some`, {
      headers: { 'retry-after': '10' },
    })
  const listener = new Listener(events, options, () => c.env?.incoming?.socket.destroy())
  const source = {
    pull: (controller: ReadableStreamDefaultController<Uint8Array>) => listener.pull(controller),
    cancel: () => listener.end(),
  }
  // Nothing is made before somebody reads it: the answer to HEAD is never read.
  const body = new ReadableStream<Uint8Array>(source, { highWaterMark: 0 })
  return c.body(body, 200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' })
}

/** One client that listens. */
class Listener {
  readonly #options: EventStreamOptions
  readonly #cut: () => void
  readonly #heartbeatMs: number
  readonly #gone = new AbortController()
  readonly #signal: AbortSignal
  readonly #events: AsyncIterator<StreamedEvent>
  #coming: Promise<IteratorResult<StreamedEvent>> | undefined
  #stalled: NodeJS.Timeout | undefined
  #state: 'new' | 'open' | 'ended' = 'new'
  #checkedAt = performance.now()

  constructor(
    events: (signal: AbortSignal) => AsyncIterable<StreamedEvent>,
    options: EventStreamOptions,
    cut: () => void,
  ) {
    this.#options = options
    this.#cut = cut
    this.#heartbeatMs = options.heartbeatMs ?? HEARTBEAT_MS
    this.#signal = AbortSignal.any([this.#gone.signal, options.stopping])
    this.#events = events(this.#signal)[Symbol.asyncIterator]()
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    clearTimeout(this.#stalled)
    this.#stalled = undefined
    const bytes = this.#state === 'new' ? this.#begin() : await this.#next()
    if (!bytes) {
      this.end()
      return controller.close()
    }
    controller.enqueue(bytes)
    this.#stalled = setTimeout(this.#cut, STALLED_MS).unref()
  }

  /** Idempotent. */
  end(): void {
    if (this.#state === 'open') this.#options.listeners.count--
    this.#state = 'ended'
    clearTimeout(this.#stalled)
    this.#options.stopping.removeEventListener('abort', this.#onStop)
    this.#gone.abort()
  }

  #begin(): Uint8Array {
    this.#state = 'open'
    this.#options.listeners.count++
    this.#options.stopping.addEventListener('abort', this.#onStop, { once: true })
    return PREAMBLE
  }

  /** What is not taken by now would hold up the stop. */
  readonly #onStop = (): void => {
    if (this.#stalled) this.#cut()
  }

  /** Undefined at the end. */
  async #next(): Promise<Uint8Array | undefined> {
    if (this.#signal.aborted) return undefined
    this.#coming ??= this.#events.next()
    const quiet = new AbortController()
    const silence = pause(this.#heartbeatMs, AbortSignal.any([quiet.signal, this.#signal]))
    const result = await Promise.race([this.#coming, silence]).finally(() => quiet.abort())
    if (this.#signal.aborted || !(await this.#mayGoOn())) return undefined
    if (!result) return HEARTBEAT
    this.#coming = undefined
    return result.done ? undefined : encoder.encode(textOf(result.value))
  }

  /** A key that is deleted must not be good for as long as a connection lasts. */
  async #mayGoOn(): Promise<boolean> {
    if (performance.now() - this.#checkedAt < this.#heartbeatMs) return true
    this.#checkedAt = performance.now()
    return this.#options.mayGoOn()
  }
}

/** JSON has no line breaks outside of texts, and escapes those within. */
const textOf = ({ event, data, id }: StreamedEvent): string =>
  `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`

/** What is told instead of what can't be looked at now. */
export function unavailable(error: unknown, of?: string): StreamedEvent {
  const { detail, code } = JSON.parse(renderProblem(error).body) as Record<string, string>
  return { event: 'unavailable', data: { ...(of !== undefined && { of }), code, detail } }
}
