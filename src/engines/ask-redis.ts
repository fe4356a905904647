import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

import type { TestTls } from './tls-files.ts'

export type Reply = string | number | null | Reply[]

/** Redis answered an error, such as `LOADING …`. Anything else that goes wrong is no answer. */
export class ReplyError extends Error {}

/**
 * The reply to one command, sent on a connection of its own and without a client library: this runs at every start,
 * before anything else is loaded. One character stands for one byte, so that every key survives.
 */
export function askRedis(port: number, command: string[], timeoutMs = 1000, tls?: TestTls): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const socket = connectTo(port, tls, () => socket.write(encoded(command), 'latin1'))
    let received = ''
    const timer = setTimeout(() => socket.destroy(new Error(`no reply within ${timeoutMs} ms`)), timeoutMs)
    socket.setEncoding('latin1')
    socket.on('error', reject)
    socket.on('close', () => {
      clearTimeout(timer)
      reject(new Error('the connection was closed'))
    })
    socket.on('data', (chunk: string) => {
      received += chunk
      const reply = replyAt(received, 0)
      if (!reply) return
      if (reply.value instanceof Error) reject(reply.value)
      else resolve(reply.value)
      socket.destroy()
    })
  })
}

/** Over TLS, a server shows its own certificate to itself. */
const connectTo = (port: number, tls: TestTls | undefined, done: () => void): Socket =>
  tls ? connectTls({ host: '127.0.0.1', port, ...credentials(tls) }, done) : connect(port, '127.0.0.1', done)

/** The host is our own: what its certificate stands for is the business of the test, which may want a wrong one. */
const credentials = ({ ca, cert, key }: TestTls) => ({ ca, cert, key, rejectUnauthorized: false })

/** A section of INFO, by field. */
export async function infoOf(port: number, section: string, tls?: TestTls): Promise<Map<string, string>> {
  const text = String(await askRedis(port, ['INFO', section], undefined, tls))
  const lines = text.split('\r\n').filter((line) => line.includes(':'))
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]))
}

const encoded = (command: string[]): string =>
  `*${command.length}\r\n${command.map((part) => `$${part.length}\r\n${part}\r\n`).join('')}`

interface Parsed<T> {
  value: T
  end: number
}

/** Undefined while the reply is not complete. */
function replyAt(text: string, start: number): Parsed<Reply | ReplyError> | undefined {
  const lineEnd = text.indexOf('\r\n', start)
  if (lineEnd < 0) return undefined
  const line = text.slice(start + 1, lineEnd)
  const end = lineEnd + 2
  switch (text[start]) {
    case '$':
      return bulkAt(text, end, Number(line))
    case '*':
      return arrayAt(text, end, Number(line))
    case ':':
      return { value: Number(line), end }
    case '-':
      return { value: new ReplyError(line), end }
    default:
      return { value: line, end }
  }
}

function bulkAt(text: string, start: number, length: number): Parsed<string | null> | undefined {
  if (length < 0) return { value: null, end: start }
  const end = start + length
  return text.length < end + 2 ? undefined : { value: text.slice(start, end), end: end + 2 }
}

function arrayAt(text: string, start: number, count: number): Parsed<Reply[] | null> | undefined {
  if (count < 0) return { value: null, end: start }
  const value: Reply[] = []
  let end = start
  while (value.length < count) {
    const item = replyAt(text, end)
    if (!item) return undefined
    value.push(item.value instanceof Error ? item.value.message : item.value)
    end = item.end
  }
  return { value, end }
}
