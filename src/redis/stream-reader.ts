import { MillraceError } from '../core/errors.ts'
import type { Entry, ReadOptions } from '../core/stream-log.ts'
import type { Connection } from './connection.ts'
import { replyCode } from './errors.ts'

/** Longest single blocking read, in ms; a longer wait is made of several, so that a dead connection is noticed. */
const MAX_BLOCK_MS = 2_000
const REPLY_GRACE_MS = 1_500

type Row = [position: string, fields: string[]]

/** Reads without a group. Waiting reads take a connection of their own, kept for the next one. */
export class StreamReader {
  readonly #control: Connection
  readonly #openConnection: () => Promise<Connection>
  readonly #idle: Connection[] = []
  readonly #busy = new Set<Connection>()
  #closed = false

  constructor(control: Connection, openConnection: () => Promise<Connection>) {
    this.#control = control
    this.#openConnection = openConnection
  }

  async read(stream: string, after: string, limit: number, options: ReadOptions = {}): Promise<Entry[]> {
    const { waitMs = 0, signal } = options
    const args = ['XRANGE', stream, `(${after}`, '+', 'COUNT', String(limit)]
    const rows = await this.#control.send<Row[]>(args).catch(refuse(stream))
    if (rows.length > 0) return rows.map(toEntry)
    await this.lastPosition(stream)
    return waitMs > 0 ? this.#wait(stream, after, limit, waitMs, signal) : []
  }

  async lastPosition(stream: string): Promise<string> {
    const info = await this.#control.send<unknown[]>(['XINFO', 'STREAM', stream]).catch(refuse(stream))
    return String(info[info.indexOf('last-generated-id') + 1])
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#idle, ...this.#busy].map((connection) => connection.close()))
  }

  async #wait(
    stream: string,
    after: string,
    limit: number,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<Entry[]> {
    const connection = this.#idle.pop() ?? (await this.#openConnection())
    this.#busy.add(connection)
    if (this.#closed) await connection.close()
    // A read has nothing to lose, so its connection may be cut.
    const cut = () => void connection.close()
    signal?.addEventListener('abort', cut, { once: true })
    try {
      return await this.#block(connection, stream, after, limit, Date.now() + waitMs, signal)
    } finally {
      signal?.removeEventListener('abort', cut)
      this.#busy.delete(connection)
      if (signal?.aborted || this.#closed) await connection.close()
      else this.#idle.push(connection)
    }
  }

  async #block(
    connection: Connection,
    stream: string,
    after: string,
    limit: number,
    until: number,
    signal?: AbortSignal,
  ): Promise<Entry[]> {
    const left = until - Date.now()
    if (left <= 0 || signal?.aborted) return []
    const block = Math.min(left, MAX_BLOCK_MS)
    const args = ['XREAD', 'COUNT', String(limit), 'BLOCK', String(block), 'STREAMS', stream, after]
    const reply = await connection
      .send<[string, Row[]][] | null>(args, block + REPLY_GRACE_MS)
      .catch((error) => {
        if (signal?.aborted) return null
        throw error
      })
    return reply ? reply[0]![1].map(toEntry) : this.#block(connection, stream, after, limit, until, signal)
  }
}

const toEntry = ([position, fields]: Row): Entry => ({ position, fields })

/** Reading what does not exist is a mistake worth a word, unlike publishing, which creates. */
const refuse = (stream: string) => (error: unknown) => {
  const cause = error as MillraceError
  if (replyCode(cause) === 'WRONGTYPE' || /no such key/.test(cause.message)) {
    throw new MillraceError('UNKNOWN_STREAM', `there is no stream "${stream}"; publishing to it creates it`, {
      cause,
    })
  }
  throw cause
}
