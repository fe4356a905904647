import { randomUUID } from 'node:crypto'
import type { EventEmitter } from 'node:events'
import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Log } from '../core/service.ts'
import { ANSWER_HEADERS } from './answer.ts'
import { HttpError } from './http-error.ts'
import { renderProblem } from './problem.ts'

/** Answers what Node can't read as a request, did not get whole, or would drop or answer by itself without a word. */
export function refuseUnreadable(server: Server, log: Log): void {
  const waiting = new WeakSet<Duplex>()
  const refuse = (fault: HttpError, socket: Duplex) => {
    const earlier = waitsForAnswer(socket)
    if (earlier) {
      // It tells of that one once: what comes meanwhile is no better.
      if (!waiting.has(socket)) earlier.once('close', () => refuseNext(fault, socket))
      waiting.add(socket)
    } else if (!socket.writable || isAnswered(socket)) {
      // Gone, or in the middle of an answer: more would be taken for a part of it.
      socket.destroy()
    } else socket.end(rawProblem(fault, log))
  }
  const refuseNext = (fault: HttpError, socket: Duplex) => {
    waiting.delete(socket)
    refuse(fault, socket)
  }
  server.on('clientError', (error: NodeJS.ErrnoException, socket) =>
    error.code === 'ECONNRESET' ? socket.destroy() : refuse(clientFault(error.code), socket),
  )
  server.on('connect', (_, socket) => refuse(noProxy, socket))
  server.on('checkExpectation', (_, response) => {
    const { status, headers, body } = bareProblem(unmet, log)
    response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
  })
}

/** What Node keeps on a socket of the answer that is its turn; there is no other way to know. */
interface Turn extends EventEmitter {
  headersSent: boolean
  req: IncomingMessage
}

// oxlint-disable-next-line no-underscore-dangle -- Node calls it so, and asks the same in its own handler
const turnOf = (socket: Duplex) => (socket as { _httpMessage?: Turn | null })._httpMessage

/**
 * The answer to a request that came whole, before what is refused. It has to come first: whoever sent both would take the
 * refusal for the answer to that one, and an event for refused that is published.
 */
function waitsForAnswer(socket: Duplex): Turn | undefined {
  const turn = turnOf(socket)
  return turn?.req.complete === true && socket.writable ? turn : undefined
}

const isAnswered = (socket: Duplex): boolean => turnOf(socket)?.headersSent === true

/** A problem for what never reaches the app, with the headers that all answers have. Its id is in the log at debug. */
export function bareProblem(error: unknown, log: Log) {
  const correlationId = randomUUID()
  const problem = renderProblem(error)
  log.debug({ correlationId, error, status: problem.status }, 'A request was refused before it was read')
  const headers = {
    ...ANSWER_HEADERS,
    'x-correlation-id': correlationId,
    ...problem.headers,
  }
  return { ...problem, headers }
}

function rawProblem(error: HttpError, log: Log): string {
  const { status, headers, body } = bareProblem(error, log)
  const all = { ...headers, 'content-length': Buffer.byteLength(body), connection: 'close' }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`
}

const noProxy = new HttpError('METHOD_NOT_ALLOWED', 'CONNECT is for proxies, and this is none', {
  headers: { allow: 'GET, HEAD, POST, PATCH' },
})
const unmet = new HttpError('EXPECTATION_FAILED', 'the only expectation that can be met is "100-continue"')

function clientFault(code: string | undefined): HttpError {
  if (code === 'HPE_HEADER_OVERFLOW')
    return new HttpError('HEADERS_TOO_LARGE', 'the headers are larger than 16 KiB; send less')
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW')
    return new HttpError('BODY_TOO_LARGE', 'the extensions of a chunk are too large; send none')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new HttpError(
      'REQUEST_TOO_SLOW',
      'the request did not come whole in time; nothing was done with it',
    )
  return new HttpError('REQUEST_INVALID', 'this is no request in HTTP/1.1')
}
