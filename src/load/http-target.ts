import http from 'node:http'
import https from 'node:https'
import {
  requestTemplate,
  type HttpRequest,
  type HttpRequestOptions,
  type RequestTemplate,
} from './http-request.ts'
import { RequestFailure, type LoadTarget } from './target.ts'

export interface HttpTargetOptions extends HttpRequestOptions {
  /** The statuses that are wanted (200 to 299). */
  expect?: readonly number[]
  /** How long a request may take until its whole answer is there, in ms. */
  timeoutMs: number
  /** How many connections are kept alive at most. */
  connections: number
}

/** So much is shown of an answer that is not wanted. */
const SAMPLE_LENGTH = 200

/**
 * A route under load, over connections that are kept alive. Redirects are not followed: they are answers of their own.
 * It uses `node:http`, since `fetch` takes five times as much of the processor for a request.
 */
export class HttpTarget implements LoadTarget {
  readonly origin: string
  readonly method: string
  readonly #template: RequestTemplate
  readonly #place: Pick<http.RequestOptions, 'protocol' | 'hostname' | 'port' | 'agent'>
  readonly #request: typeof http.request
  readonly #agent: http.Agent
  readonly #timeoutMs: number
  readonly #wanted: (status: number) => boolean

  /** @throws InvalidError `CONFIGURATION_INVALID` with every mistake */
  constructor(options: HttpTargetOptions) {
    const { connections, expect, timeoutMs } = options
    this.#template = requestTemplate(options)
    const { origin, method } = this.#template
    this.origin = origin.origin
    this.method = method
    const secure = origin.protocol === 'https:'
    const sockets = { keepAlive: true, maxSockets: connections, maxFreeSockets: connections }
    this.#agent = secure ? new https.Agent(sockets) : new http.Agent(sockets)
    this.#request = secure ? https.request : http.request
    // An address of IPv6 stands in brackets in a URL, and nowhere else.
    const hostname = origin.hostname.replace(/^\[(.*)\]$/, '$1')
    this.#place = { protocol: origin.protocol, hostname, port: origin.port, agent: this.#agent }
    this.#timeoutMs = timeoutMs
    this.#wanted = expect ? (status) => expect.includes(status) : (status) => status >= 200 && status < 300
  }

  send(n: number): Promise<void> {
    const { body, ...head } = this.#template.render(n)
    return this.#exchange(head, body)
  }

  async close(): Promise<void> {
    this.#agent.destroy()
  }

  #exchange(head: Omit<HttpRequest, 'body'>, body: string | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const request = this.#request({ ...this.#place, ...head }, (response) => {
        const status = response.statusCode!
        const wanted = this.#wanted(status)
        let text = ''
        // What is wanted is read and thrown away, to free its connection.
        if (wanted) response.resume()
        else
          response
            .setEncoding('utf8')
            .on('data', (part: string) => (text = (text + part).slice(0, SAMPLE_LENGTH)))
        response.on('error', reject)
        response.on('end', () => (wanted ? resolve() : reject(unwanted(status, text))))
      })
      const timer = setTimeout(() => {
        reject(tooSlow(this.#timeoutMs))
        request.destroy()
      }, this.#timeoutMs)
      // Comes last, however it ended.
      request.on('close', () => clearTimeout(timer))
      request.on('error', reject)
      request.end(body)
    })
  }
}

const unwanted = (status: number, text: string): RequestFailure =>
  new RequestFailure('status', `answered ${status}: ${text}`, String(status))

const tooSlow = (timeoutMs: number): RequestFailure =>
  new RequestFailure('timeout', `no answer within ${timeoutMs} ms`)
