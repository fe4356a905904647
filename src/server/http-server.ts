import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { isIPv6, type AddressInfo } from 'node:net'
import { getRequestListener, RequestError } from '@hono/node-server'
import { MillraceError } from '../core/errors.ts'
import { noLog, type Log, type Service } from '../core/service.ts'
import { HttpError } from './http-error.ts'
import { problemResponse } from './problem.ts'

export interface HttpServerOptions {
  /** Undefined for all addresses, of IPv4 and IPv6. */
  host?: string | undefined
  /** 0 for any that is free. */
  port: number
  /** How long a client may take to send a request. */
  requestTimeoutMs: number
  log?: Log
}

/** How often a server that stops lets go of connections that have become idle. */
const IDLE_SWEEP_MS = 25

/**
 * Serves a fetch function over HTTP. `stop` takes no new connections, lets running requests finish until the deadline,
 * and then cuts them off.
 */
export class HttpServer implements Service {
  readonly #server: Server
  readonly #options: HttpServerOptions
  #stopped: Promise<void> | undefined

  constructor(fetch: (request: Request) => Response | Promise<Response>, options: HttpServerOptions) {
    this.#options = options
    const { requestTimeoutMs } = options
    const times = { requestTimeout: requestTimeoutMs, headersTimeout: Math.min(60_000, requestTimeoutMs) }
    const listener = getRequestListener(fetch, { errorHandler: answerError })
    this.#server = createServer(times, (incoming, outgoing) => {
      // A busy client would keep its connection, and with it the stop, going for ever.
      if (this.#stopped) outgoing.shouldKeepAlive = false
      void listener(incoming, outgoing)
    })
  }

  /** Where it can be reached, once it has started. */
  get url(): string {
    const { port } = this.#server.address() as AddressInfo
    const { host = 'localhost' } = this.#options
    return `http://${isIPv6(host) ? `[${host}]` : host}:${port}`
  }

  /** @throws MillraceError `CONFIGURATION_INVALID` when it can't listen, with the variable to change */
  async start(): Promise<void> {
    const { host, port, log = noLog } = this.#options
    this.#server.listen({ host, port })
    try {
      await once(this.#server, 'listening')
    } catch (error) {
      throw describeListenError(error as NodeJS.ErrnoException, this.#options)
    }
    // Such as too many open files: one connection fails, the service goes on.
    this.#server.on('error', (error) => log.warn({ error }, 'A connection could not be taken'))
  }

  stop(deadlineMs: number): Promise<void> {
    this.#stopped ??= this.#close(deadlineMs)
    return this.#stopped
  }

  async #close(deadlineMs: number): Promise<void> {
    if (!this.#server.listening) return
    const closed = new Promise((resolve) => this.#server.close(resolve))
    // A connection that is kept alive after its last request would hold up the stop for seconds.
    const sweep = setInterval(() => this.#server.closeIdleConnections(), IDLE_SWEEP_MS)
    const deadline = setTimeout(() => this.#server.closeAllConnections(), deadlineMs)
    await closed
    clearInterval(sweep)
    clearTimeout(deadline)
  }
}

/** For requests that never reached the fetch function, such as one with a broken Host header. */
const answerError = (error: unknown): Response =>
  problemResponse(error instanceof RequestError ? new HttpError('REQUEST_INVALID', error.message) : error)

function describeListenError(cause: NodeJS.ErrnoException, { host, port }: HttpServerOptions): MillraceError {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `port ${port} is taken by another program: end that one, or set SERVICE_PORT to another port`,
    EACCES: `this user may not listen on port ${port}: set SERVICE_PORT to one from 1024 on`,
    EADDRNOTAVAIL: `${host} is no address of this machine: set HOST to one that is`,
    ENOTFOUND: `${host} is no known host: set HOST to an address of this machine`,
  }
  const message = reasons[cause.code ?? ''] ?? `can't listen on port ${port}: ${cause.message}`
  return new MillraceError('CONFIGURATION_INVALID', message, { cause })
}
