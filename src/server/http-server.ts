import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerOptions } from 'node:http'
import { isIPv6, type AddressInfo } from 'node:net'
import { getRequestListener, RequestError } from '@hono/node-server'
import { MillraceError } from '../core/errors.ts'
import { noLog, type Log, type Service } from '../core/service.ts'
import type { ServerEnv } from './server-env.ts'
import { HttpError } from './http-error.ts'
import { faultOf } from './request-faults.ts'
import { bareProblem, refuseUnreadable } from './unreadable.ts'

export interface HttpServerOptions {
  /** Undefined for all addresses, of IPv4 and IPv6. */
  host?: string | undefined
  /** 0 for any that is free. */
  port: number
  /** Where that port is taken, another one that is free; off: it fails then. */
  orAnyPort?: boolean
  /** Which variable has the port (SERVICE_PORT), for whoever has to change it. */
  portVariable?: 'SERVICE_PORT' | 'METRICS_PORT'
  /** How long a client may take to send a request. */
  requestTimeoutMs: number
  log?: Log
}

/** How often a server that stops lets go of connections that have become idle. */
const IDLE_SWEEP_MS = 25
/** Headers are sent in one go; who needs longer holds a connection on purpose. */
const HEADERS_TIMEOUT_MS = 10_000
/** How often connections are looked through for those that are too slow. */
const SLOW_SWEEP_MS = 1_000
/** More would take the descriptors that Redis and PostgreSQL need; those past it are closed at once. */
const MAX_CONNECTIONS = 10_000

type FetchCallback = Parameters<typeof getRequestListener>[0]

/** Serves requests; what comes with them over the socket is in `env`. */
export type Fetch = (request: Request, env: ServerEnv['Bindings']) => Response | Promise<Response>

/**
 * Serves a fetch function over HTTP. `stop` takes no new connections, lets running requests finish until the deadline,
 * and then cuts them off.
 */
export class HttpServer implements Service {
  readonly #server: Server
  readonly #options: HttpServerOptions
  #stopped: Promise<void> | undefined

  constructor(fetch: Fetch, options: HttpServerOptions) {
    this.#options = options
    const { log = noLog } = options
    const refuse = (error: unknown): Response => {
      const { body, ...init } = bareProblem(error, log)
      return new Response(body, init)
    }
    const answer: FetchCallback = (request, env) => {
      const fault = faultOf(env.incoming as IncomingMessage)
      return fault ? refuse(fault) : fetch(request, env as ServerEnv['Bindings'])
    }
    const listener = getRequestListener(answer, { errorHandler: (error) => refuse(readable(error)) })
    this.#server = createServer(limits(options), (incoming, outgoing) => {
      // A busy client would keep its connection, and with it the stop, going for ever.
      if (this.#stopped) outgoing.shouldKeepAlive = false
      void listener(incoming, outgoing)
    })
    this.#server.maxConnections = MAX_CONNECTIONS
    refuseUnreadable(this.#server, log)
  }

  /** Where it can be reached, once it has started. */
  get url(): string {
    const { port } = this.#server.address() as AddressInfo
    const { host = 'localhost' } = this.#options
    return `http://${isIPv6(host) ? `[${host}]` : host}:${port}`
  }

  /** @throws MillraceError `CONFIGURATION_INVALID` when it can't listen, with the variable to change */
  async start(): Promise<void> {
    const { port, orAnyPort, log = noLog } = this.#options
    try {
      await this.#listen(port)
    } catch (error) {
      if (!orAnyPort || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE')
        throw describeListenError(error as NodeJS.ErrnoException, this.#options)
      await this.#listen(0)
      log.info({ port }, `Port ${port} is taken: this service listens at ${this.url}`)
    }
    // Such as too many open files: one connection fails, the service goes on.
    this.#server.on('error', (error) => log.warn({ error }, 'A connection could not be taken'))
  }

  async #listen(port: number): Promise<void> {
    this.#server.listen({ host: this.#options.host, port })
    await once(this.#server, 'listening')
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

/**
 * So that slow clients hold up nobody but themselves. Node keeps headers within 16 KiB by itself; how many requests come
 * over one connection does no harm.
 */
const limits = ({ requestTimeoutMs }: HttpServerOptions): ServerOptions => ({
  requestTimeout: requestTimeoutMs,
  headersTimeout: Math.min(HEADERS_TIMEOUT_MS, requestTimeoutMs),
  connectionsCheckingInterval: SLOW_SWEEP_MS,
  // Node would refuse it without a word; it is refused with one.
  requireHostHeader: false,
})

/** For requests that never reached the fetch function, such as one with a broken Host header. */
const readable = (error: unknown): unknown =>
  error instanceof RequestError ? new HttpError('REQUEST_INVALID', error.message) : error

function describeListenError(
  cause: NodeJS.ErrnoException,
  { host, port, portVariable: variable = 'SERVICE_PORT' }: HttpServerOptions,
): MillraceError {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `port ${port} is taken by another program: end that one, or set ${variable} to another port`,
    EACCES: `this user may not listen on port ${port}: set ${variable} to one from 1024 on`,
    EADDRNOTAVAIL: `${host} is no address of this machine: set HOST to one that is`,
    ENOTFOUND: `${host} is no known host: set HOST to an address of this machine`,
  }
  const message = reasons[cause.code ?? ''] ?? `can't listen on port ${port}: ${cause.message}`
  return new MillraceError('CONFIGURATION_INVALID', message, { cause })
}
