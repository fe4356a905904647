import { createHash } from 'node:crypto'
import { isIP } from 'node:net'
import type { Agent } from 'undici'
import { ConfigurationError, MessageProcessingError, SinkError } from '../../core/connector-errors.ts'
import type { BatchFaults } from '../../core/delivery.ts'
import { collectIssues, InvalidError, toError, type Issue } from '../../core/errors.ts'
import { LONGEST_TIMER_MS, requireCounts } from '../../core/require-counts.ts'
import type { Sink, SinkContext, SinkEvent } from '../../core/sink.ts'
import { plainReason } from '../../core/tls-faults.ts'
import { toCloudEventJson } from '../cloud-event.ts'
import { inTime } from '../in-time.ts'
import { SentEvents } from './sent-events.ts'
import { failureOf } from './webhook/answer.ts'
import { ownHeaders } from './webhook/own-headers.ts'
import { AddressGuard } from './webhook/public-address.ts'
import { hostOf, reach } from './webhook/reach.ts'
import { secretBytes, signedHeaders } from './webhook/signature.ts'

export { verifyWebhook } from './webhook/signature.ts'

export interface WebhookSinkOptions {
  /** Where the events are sent, by POST; `http:` or `https:`. */
  url: string
  /**
   * Signs what is sent, by Standard Webhooks: a text of at least 24 bytes, or `whsec_` and base64. Several while a receiver
   * changes over from one to the other. Without it nothing is signed.
   */
  secret?: string | readonly string[]
  /** Sent with each request, such as `authorization`; not those that say how it is transferred. */
  headers?: Readonly<Record<string, string>>
  /** `batch` (default): as many events in a request as fit; `single`: one, in order. */
  mode?: 'batch' | 'single'
  /** Largest body of a request, in bytes (1048576). An event that does not fit alone is a dead letter. */
  maxBodyBytes?: number
  /** How long a receiver may take to answer, in ms (30000). */
  timeoutMs?: number
  /** Requests that are under way at once (4); events of one key never are. */
  concurrency?: number
  /** Private addresses that may be connected to: networks such as `10.0.0.0/8`, or true for all. None by default. */
  allowPrivate?: boolean | readonly string[]
}

const DEFAULTS = { mode: 'batch', maxBodyBytes: 1_048_576, timeoutMs: 30_000, concurrency: 4 } as const
/** What is read of an answer before its connection is given up. */
const MAX_ANSWER_BYTES = 65_536

/**
 * Sends events to a URL as CloudEvents, in the order of their keys, until it answers 2xx. 429 and 503 are obeyed
 * (`Retry-After`); what is refused (400, 422, …) is halved until the culprit is alone, and becomes a dead letter after
 * its attempts. A receiver gets every event at least once, with `id` and `source` by which it knows a repeat. No redirect is
 * followed, and no private address connected to unless it is allowed.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every mistake
 *
 * @example
 * webhookSink({ url: 'https://example.com/events', secret: process.env['WEBHOOK_SECRET']! })
 */
export function webhookSink(options: WebhookSinkOptions): Sink {
  const issues = issuesOf(options)
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'the webhook can not be used', issues)
  return new WebhookSink({ ...DEFAULTS, ...options })
}

type Resolved = WebhookSinkOptions & Required<Pick<WebhookSinkOptions, keyof typeof DEFAULTS>>

/** One request: which events it carries, and how they are written. */
interface Body {
  readonly events: readonly SinkEvent[]
  readonly text: string
}

class WebhookSink implements Sink {
  readonly concurrency: number
  readonly wantsJson = true
  readonly #options: Resolved
  readonly #url: URL
  readonly #headers: Readonly<Record<string, string>>
  readonly #secrets: readonly Buffer[]
  readonly #guard: AddressGuard
  /** Answered with 2xx: where a later request of their write fails, they are not sent again by this process. */
  readonly #sent = new SentEvents()
  #agent: Agent | undefined

  constructor(options: Resolved) {
    this.#options = options
    this.concurrency = options.concurrency
    this.#url = new URL(options.url)
    this.#headers = ownHeaders(options.headers)
    this.#secrets = [options.secret ?? []].flat().map(secretBytes)
    this.#guard = new AddressGuard(options.allowPrivate ?? false)
  }

  /** Nothing is sent: whether it takes events it says when it gets some. */
  async connect({ signal }: SinkContext): Promise<void> {
    const { timeoutMs } = this.#options
    const host = hostOf(this.#url)
    // A socket looks no address up that it is given as one.
    if (isIP(host) > 0 && !this.#guard.permits(host))
      throw new ConfigurationError('the webhook can not be used', [
        { path: 'url', message: `${host} is a private address; allow it by allowPrivate if it is yours` },
      ])
    await inTime('reaching it', timeoutMs, signal, (limit) =>
      reach(this.#url, this.#guard.lookup, limit),
    ).catch((error: unknown) => this.#unreachable(toError(error)))
    this.#agent ??= await this.#makeAgent(signal)
  }

  async #makeAgent(signal: AbortSignal): Promise<Agent> {
    // 20 MB that only who posts needs.
    const undici = await import('undici')
    // Whoever closed this meanwhile would not know of it.
    signal.throwIfAborted()
    const { timeoutMs, concurrency } = this.#options
    return new undici.Agent({
      connections: concurrency,
      connect: { lookup: this.#guard.lookup, timeout: timeoutMs },
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    })
  }

  async write(events: readonly SinkEvent[], signal: AbortSignal): Promise<BatchFaults> {
    const faults: (Error | undefined)[] = []
    const written: { event: SinkEvent; text: string }[] = []
    for (const [index, event] of events.entries()) {
      if (this.#sent.has(event)) continue
      try {
        written.push({ event, text: this.#textOf(event) })
      } catch (error) {
        faults[index] = error as Error
      }
    }
    await this.#sent.during(signal, async (sent) => {
      for (const body of this.#bodies(written)) {
        await this.#post(body, signal)
        for (const event of body.events) sent(event)
      }
    })
    return faults
  }

  async close(): Promise<void> {
    const agent = this.#agent
    this.#agent = undefined
    await agent?.destroy()
  }

  #textOf(event: SinkEvent): string {
    const text = toCloudEventJson(event)
    const { maxBodyBytes } = this.#options
    const bytes = Buffer.byteLength(text) + BRACKETS
    if (bytes <= maxBodyBytes) return text
    throw new MessageProcessingError(
      'EVENT_TOO_LARGE',
      `the event takes ${bytes} bytes, and a request has at most ${maxBodyBytes}`,
    )
  }

  /** Made one by one, each when the one before was sent. */
  *#bodies(written: readonly { event: SinkEvent; text: string }[]): Generator<Body> {
    const { mode, maxBodyBytes } = this.#options
    if (mode === 'single') {
      for (const { event, text } of written) yield { events: [event], text }
      return
    }
    let [begin, bytes] = [0, BRACKETS]
    const body = (end: number): Body => {
      const part = written.slice(begin, end)
      return { events: part.map(({ event }) => event), text: `[${part.map(({ text }) => text).join(',')}]` }
    }
    for (const [index, { text }] of written.entries()) {
      const more = Buffer.byteLength(text) + 1
      if (index > begin && bytes + more > maxBodyBytes) {
        yield body(index)
        ;[begin, bytes] = [index, BRACKETS]
      }
      bytes += more
    }
    if (written.length > begin) yield body(written.length)
  }

  /** @throws what the answer means, where it is not 2xx; an error of the network */
  async #post({ events, text }: Body, signal: AbortSignal): Promise<void> {
    const { mode, timeoutMs } = this.#options
    const { origin, pathname, search } = this.#url
    const kind = mode === 'single' ? 'cloudevents' : 'cloudevents-batch'
    const { statusCode, headers, body } = await this.#agent!.request({
      origin,
      path: `${pathname}${search}`,
      method: 'POST',
      signal,
      body: text,
      headers: {
        'content-type': `application/${kind}+json; charset=utf-8`,
        ...this.#headers,
        ...this.#signed(events, text),
      },
    }).catch((error: unknown) => this.#unreachable(toError(error)))
    // The answer is given with its status. What comes after it has the same time again, and may be cut.
    const dump = (limit: AbortSignal) => body.dump({ limit: MAX_ANSWER_BYTES, signal: limit })
    await inTime('the rest of its answer', timeoutMs, signal, dump).catch(() => {})
    if (statusCode >= 200 && statusCode < 300) return
    throw failureOf(statusCode, [headers['retry-after']].flat()[0], this.#url.host)
  }

  /** No name, no connection, a certificate that is none, an answer that is no HTTP: no event is to blame for these. */
  #unreachable(cause: Error): never {
    const message = `${this.#url.host} gave no answer that counts: ${plainReason(cause.message)}`
    throw new SinkError('SINK_UNAVAILABLE', message, { cause })
  }

  #signed(events: readonly SinkEvent[], body: string): Record<string, string> {
    if (this.#secrets.length === 0) return {}
    return { ...signedHeaders(requestId(events), body, this.#secrets) }
  }
}

/** A bracket at each end of a batch. */
const BRACKETS = 2

/** The same for the same events, so that a receiver may know a request by it. */
function requestId(events: readonly SinkEvent[]): string {
  const digest = createHash('sha256')
  for (const { stream, position, part } of events)
    digest.update(`${stream.length}:${stream}:${position}:${part};`)
  return `msg_${digest.digest('hex').slice(0, 32)}`
}

function issuesOf(options: WebhookSinkOptions): Issue[] {
  const issues: Issue[] = []
  const { url, secret, mode, allowPrivate, headers } = options
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (!parsed || !['http:', 'https:'].includes(parsed.protocol))
    issues.push({ path: 'url', message: 'must be a URL such as https://example.com/events' })
  else if (parsed.username || parsed.password)
    issues.push({ path: 'url', message: 'must hold no password; send it by headers.authorization' })
  for (const one of [secret ?? []].flat()) collectIssues(issues, () => secretBytes(one), 'secret')
  if (mode !== undefined && mode !== 'batch' && mode !== 'single')
    issues.push({ path: 'mode', message: 'must be batch or single' })
  const resolved = { ...DEFAULTS, ...options }
  collectIssues(issues, () => requireCounts('counts', resolved, ['maxBodyBytes', 'concurrency']))
  collectIssues(issues, () => requireCounts('times', resolved, ['timeoutMs'], LONGEST_TIMER_MS))
  collectIssues(issues, () => new AddressGuard(allowPrivate ?? false), 'allowPrivate')
  collectIssues(issues, () => ownHeaders(headers), 'headers')
  return issues
}
