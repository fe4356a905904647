import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { startSinkProcess } from '../../../test/support/sink-process.ts'
import { useLog, useRedisServer } from '../../../test/support/use-redis.ts'
import type { Sink } from '../../core/sink.ts'
import { sinkConformance } from '../../testing/sink-conformance.ts'
import type { SinkAdapter, SinkLab, SinkProcessTarget } from '../../testing/sink-conformance/lab.ts'
import type { CloudEvent } from '../cloud-event.ts'
import { webhookSink, type WebhookSinkOptions } from './webhook.ts'

const redis = useRedisServer()
const log = useLog(redis)

/** What becomes of a request: nothing yet, a status, or a socket that is cut before or after its events are taken. */
type Verdict = 'cutBefore' | 'cutAfter' | { status: number; headers?: Record<string, string> }
type Judge = (data: readonly unknown[]) => Verdict

const taken = { status: 204 }

/** A receiver with a port of its own. */
class WebhookLab implements SinkLab {
  readonly oversize = 10_000
  readonly #mode: NonNullable<WebhookSinkOptions['mode']>
  readonly #held: unknown[] = []
  readonly #server: Server = createServer((request, response) => void this.#receive(request, response))
  #port = 0
  #judge: Judge = () => taken
  #answering: Promise<void> = Promise.resolve()
  #cuts = 0

  private constructor(mode: NonNullable<WebhookSinkOptions['mode']>) {
    this.#mode = mode
  }

  static async open(mode: NonNullable<WebhookSinkOptions['mode']>): Promise<WebhookLab> {
    const lab = new WebhookLab(mode)
    await lab.#listen()
    return lab
  }

  sink(): Sink {
    return webhookSink(this.#options)
  }

  async held(): Promise<readonly unknown[]> {
    return [...this.#held]
  }

  refuse(isRefused: (data: unknown) => boolean): void {
    this.#judge = (data) => (data.some(isRefused) ? { status: 422 } : taken)
  }

  throttle(ms: number): void {
    const headers = { 'retry-after': String(Math.ceil(ms / 1_000)) }
    void this.#once(() => ({ status: 429, headers }))
  }

  /** Before and after its events are taken, in turn. */
  cut(): Promise<void> {
    const verdict = this.#cuts++ % 2 === 0 ? 'cutAfter' : 'cutBefore'
    return this.#once(() => verdict)
  }

  hang(): () => void {
    let letGo = () => {}
    this.#answering = new Promise((resolve) => (letGo = resolve))
    return letGo
  }

  async leave(): Promise<() => Promise<void>> {
    await this.#end()
    return () => this.#listen()
  }

  startProcess(target: SinkProcessTarget): Promise<{ kill(): Promise<void> }> {
    return startSinkProcess(redis.url, { type: 'webhook', options: this.#options }, target)
  }

  close(): Promise<void> {
    return this.#end()
  }

  get #options(): WebhookSinkOptions {
    const url = `http://127.0.0.1:${this.#port}/`
    return { url, allowPrivate: true, mode: this.#mode, maxBodyBytes: this.oversize }
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const events = [(await json(request)) as CloudEvent | CloudEvent[]].flat()
    await this.#answering
    const data = events.map((event) => event.data)
    const verdict = this.#judge(data)
    if (verdict === 'cutBefore') return void response.destroy()
    if (verdict === 'cutAfter' || verdict.status < 300) this.#held.push(...data)
    if (verdict === 'cutAfter') response.destroy()
    else response.writeHead(verdict.status, verdict.headers).end()
  }

  /** Judges the next request alone. */
  #once(judge: Judge): Promise<void> {
    return new Promise((resolve) => {
      this.#judge = (data) => {
        this.#judge = () => taken
        resolve()
        return judge(data)
      }
    })
  }

  async #listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  async #end(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }
}

const exactlyOnce = 'a receiver gets every repeat, and knows it by source and id'

const WAYS: Record<NonNullable<WebhookSinkOptions['mode']>, Partial<SinkAdapter>> = {
  batch: { openStreams: async () => ({ log, close: async () => {} }), without: { exactlyOnce } },
  single: {
    without: { exactlyOnce, startProcess: 'its streams are in memory; those of the batches are not' },
  },
}

for (const mode of ['batch', 'single'] as const)
  sinkConformance(
    { name: `a webhook (${mode})`, open: () => WebhookLab.open(mode), ...WAYS[mode] },
    { describe, test, expect },
  )
