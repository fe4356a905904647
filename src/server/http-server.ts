import { once } from 'node:events'
import { createServer, STATUS_CODES, type Server, type ServerOptions } from 'node:http'
import type { Duplex } from 'node:stream'
import { isIPv6, type AddressInfo } from 'node:net'
import { getRequestListener, RequestError } from '@hono/node-server'
import { MillraceError } from '../core/errors.ts'
import { noLog, type Log, type Service } from '../core/service.ts'
import type { ServerEnv } from './envelope.ts'
import { HttpError } from './http-error.ts'
import { problemResponse, renderProblem } from './problem.ts'

export interface HttpServerOptions {
  /** Undefined for all addresses, of IPv4 and IPv6. */
  host?: string | undefined
  /** 0 for any that is free. */
  port: number
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
/** Node drops those past the 2000th without a word, and what a proxy adds comes last. */
const MAX_HEADERS = 200

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
    const answer: FetchCallback = (request, env) =>
      env.incoming.rawHeaders.length > 2 * MAX_HEADERS
        ? problemResponse(tooManyHeaders)
        : fetch(request, env as ServerEnv['Bindings'])
    const listener = getRequestListener(answer, { errorHandler: answerError })
    this.#server = createServer(limits(options), (incoming, outgoing) => {
      // A busy client would keep its connection, and with it the stop, going for ever.
      if (this.#stopped) outgoing.shouldKeepAlive = false
      void listener(incoming, outgoing)
    })
    this.#server.maxConnections = MAX_CONNECTIONS
    this.#server.on('clientError', answerClientError)
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

/**
 * So that slow clients hold up nobody but themselves. Node keeps headers within 16 KiB by itself; how many requests come
 * over one connection does no harm.
 */
const limits = ({ requestTimeoutMs }: HttpServerOptions): ServerOptions => ({
  requestTimeout: requestTimeoutMs,
  headersTimeout: Math.min(HEADERS_TIMEOUT_MS, requestTimeoutMs),
  connectionsCheckingInterval: SLOW_SWEEP_MS,
})

const tooManyHeaders = new HttpError(
  'HEADERS_TOO_LARGE',
  `there are more than ${MAX_HEADERS} headers; send less`,
)

/** What Node can't read as a request, or did not get whole, with what is wrong with it. Nothing else answers those. */
function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  // Gone, or in the middle of an answer: more would be taken for a part of it.
  if (!socket.writable || error.code === 'ECONNRESET' || hasAnswer(socket)) {
    socket.destroy()
    return
  }
  socket.end(rawProblem(clientFault(error.code)))
}

/** Node keeps the answer that is being written on its socket, and does the same in its own handler. */
const hasAnswer = (socket: Duplex): boolean =>
  // oxlint-disable-next-line no-underscore-dangle -- there is no other way to know
  (socket as { _httpMessage?: { headersSent?: boolean } })._httpMessage?.headersSent === true

function clientFault(code: string | undefined): HttpError {
  if (code === 'HPE_HEADER_OVERFLOW')
    return new HttpError('HEADERS_TOO_LARGE', 'the headers are larger than 16 KiB; send less')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new HttpError(
      'REQUEST_TOO_SLOW',
      'the request did not come whole in time; nothing was done with it',
    )
  return new HttpError('REQUEST_INVALID', 'this is no request in HTTP/1.1')
}

function rawProblem(error: HttpError): string {
  const { status, headers, body } = renderProblem(error)
  const all = {
    ...headers,
    'content-length': Buffer.byteLength(body),
    'x-content-type-options': 'nosniff',
    connection: 'close',
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`
}

/** For requests that never reached the fetch function, such as one with a broken Host header. */
const answerError = (error: unknown): Response =>
  problemResponse(error instanceof RequestError ? new HttpError('REQUEST_INVALID', error.message) : error)

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
