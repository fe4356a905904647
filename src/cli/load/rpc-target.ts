import { randomUUID } from 'node:crypto'
import { namedFields } from '../../core/codec.ts'
import { toError, type MillraceError } from '../../core/errors.ts'
import { pause } from '../../core/pause.ts'
import { FIRST_POSITION } from '../../core/position.ts'
import { RequestFailure, type LoadTarget } from '../../load/target.ts'
import type { Template } from '../../load/template.ts'
import type { Connection } from '../../redis/connection.ts'
import type { RedisStreamLog } from '../../redis/redis-log.ts'

export interface RpcTargetOptions {
  stream: string
  /** The stream of the replies, which others may share. */
  replies: string
  /** Of the data, as JSON. */
  template: Template
  timeoutMs: number
}

interface Waiting {
  readonly timer: NodeJS.Timeout
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

type Rows = [position: string, fields: string[]][]

const READ_LIMIT = 500
const BLOCK_MS = 1_000
/** How much longer than it may block a read may take. */
const REPLY_GRACE_MS = 1_500
const RETRY_MS = 100

/**
 * Request/reply as it is written by hand: `requestId` and `data` on one stream, the reply with the same `requestId` on
 * another. One blocked read takes the replies of all.
 */
export class RpcTarget implements LoadTarget {
  readonly #log: RedisStreamLog
  readonly #options: RpcTargetOptions
  readonly #reader: Connection
  readonly #waiting = new Map<string, Waiting>()
  readonly #closing = new AbortController()
  /** So that no reply to another run is taken for one of ours. */
  readonly #run = randomUUID()
  readonly #reading: Promise<void>

  private constructor(log: RedisStreamLog, options: RpcTargetOptions, position: string) {
    this.#log = log
    this.#options = options
    // A blocked read holds up whatever is behind it.
    this.#reader = log.connection('load-replies')
    this.#reading = this.#read(position)
  }

  /** From here on it takes the replies that come. */
  static async open(log: RedisStreamLog, options: RpcTargetOptions): Promise<RpcTarget> {
    const position = await log.lastPosition(options.replies).catch((error: MillraceError) => {
      if (error.code === 'UNKNOWN_STREAM') return FIRST_POSITION
      throw error
    })
    return new RpcTarget(log, options, position)
  }

  send(n: number): Promise<void> {
    const requestId = `${this.#run}-${n}`
    return new Promise((resolve, reject) => {
      const { timeoutMs } = this.#options
      const late = () => new RequestFailure('timeout', `no reply within ${timeoutMs} ms`)
      const timer = setTimeout(() => this.#end(requestId, late()), timeoutMs)
      this.#waiting.set(requestId, { timer, resolve, reject })
      this.#write(requestId, n).catch((error) => this.#end(requestId, toError(error)))
    })
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#reader.close()
    await this.#reading
    for (const id of this.#waiting.keys()) this.#end(id, new RequestFailure('other', 'the run was ended'))
  }

  async #write(requestId: string, n: number): Promise<void> {
    const { stream, template } = this.#options
    const fields = ['requestId', requestId, 'data', template.render(n)]
    const [result] = await this.#log.append(stream, [{ fields }])
    if (result instanceof Error) throw result
  }

  async #read(position: string): Promise<void> {
    let after = position
    while (!this.#closing.signal.aborted) {
      try {
        for (const [at, fields] of await this.#next(after)) {
          after = at
          this.#take(namedFields(fields))
        }
      } catch (error) {
        await this.#failed(toError(error))
      }
    }
  }

  async #next(after: string): Promise<Rows> {
    const { replies } = this.#options
    const args = ['XREAD', 'COUNT', `${READ_LIMIT}`, 'BLOCK', `${BLOCK_MS}`, 'STREAMS', replies, after]
    const answer = await this.#reader.send<[string, Rows][] | null>(args, BLOCK_MS + REPLY_GRACE_MS)
    return answer?.[0]?.[1] ?? []
  }

  /** Without replies there is nothing to wait for; whoever asks next may fare better. */
  async #failed(error: Error): Promise<void> {
    if (this.#closing.signal.aborted) return
    for (const id of this.#waiting.keys()) this.#end(id, error)
    await pause(RETRY_MS, this.#closing.signal)
  }

  #take(reply: Map<string, string>): void {
    const error = reply.get('error')
    const failure =
      error === undefined ? undefined : new RequestFailure('other', `replied ${error}`, codeOf(error))
    this.#end(reply.get('requestId') ?? '', failure)
  }

  /** Replies to others, and those that come too late, find nobody who waits. */
  #end(requestId: string, error?: Error): void {
    const waiting = this.#waiting.get(requestId)
    if (!waiting) return
    this.#waiting.delete(requestId)
    clearTimeout(waiting.timer)
    if (error) waiting.reject(error)
    else waiting.resolve()
  }
}

/** Of an error that a reply tells of: `{"code":"…"}`, else anything. */
function codeOf(error: string): string {
  try {
    const { code } = JSON.parse(error) as { code?: unknown }
    if (typeof code === 'string') return code
  } catch {
    // Any text may stand there.
  }
  return 'REPLY_ERROR'
}
