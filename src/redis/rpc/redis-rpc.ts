import type { Listener, Note, ReplyPart, ReplyStream, RpcLog } from '../../core/rpc.ts'
import type { Consumer, Membership } from '../../core/stream-log.ts'
import type { Connection } from '../connection.ts'
import { slotOf } from '../slots.ts'
import { RedisListener } from './listener.ts'
import { RedisReplyStream } from './reply-stream.ts'
import { MAX_REPLIES, notesKey, replyKey } from './rpc-keys.ts'
import * as scripts from './rpc-scripts.ts'

/** Requests for all are read at once or not at all. */
const MAX_BROADCASTS = 10_000
/** How long what was told is kept, in ms: a responder that has no connection for longer misses it. */
const NOTES_TTL_MS = 60_000
/** More in one script would hold up other clients for longer than a few milliseconds. */
const MAX_WITHDRAWN_PER_CALL = 250

/** What the requests of a group are settled with; see `GroupScript`. */
export interface RequestSettling {
  readonly maxReplies: number
  onDropped(count: number): void
}

interface Parts {
  /** Waits for a connection that is being made. */
  readonly calls: Connection
  /** A connection of its own, for what blocks. */
  open(role: string): Promise<Connection>
  join(membership: Membership, requests: RequestSettling): Promise<Consumer>
}

/** Requests and replies on Redis. */
export class RedisRpc implements RpcLog {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  replyStream(requests: string, requester: string): string {
    return replyKey(requests, requester)
  }

  together(requests: string, stream: string): boolean {
    return slotOf(requests) === slotOf(stream)
  }

  async now(requests: string): Promise<number> {
    const time = await this.#parts.calls.serverOf(requests).send<[string, string]>(['TIME'])
    return Number(time[0]) * 1_000 + Number(time[1]) / 1_000
  }

  join(membership: Membership, onDropped: (count: number) => void): Promise<Consumer> {
    return this.#parts.join(membership, { maxReplies: MAX_REPLIES, onDropped })
  }

  async openReplies(requests: string, requester: string): Promise<ReplyStream> {
    const reader = await this.#parts.open('replies')
    return new RedisReplyStream(this.#parts.calls, reader, replyKey(requests, requester))
  }

  async listen(requests: string, broadcast: boolean): Promise<Listener> {
    const streams = broadcast ? [notesKey(requests), requests] : [notesKey(requests)]
    const last = await scripts.lastPositionsScript.run(this.#parts.calls, streams, [])
    const reader = await this.#parts.open('listener')
    return new RedisListener(
      reader,
      streams.map((stream, index) => [stream, last[index]!]),
    )
  }

  broadcast(requests: string, fields: readonly string[], timeoutMs: number): Promise<string> {
    const life = [String(MAX_BROADCASTS), String(Math.max(NOTES_TTL_MS, 2 * timeoutMs))]
    return scripts.broadcastScript.run(this.#parts.calls, [requests], [...life, ...fields])
  }

  async withdraw(
    requests: string,
    group: string,
    positions: readonly string[],
    { cancel }: { cancel: boolean },
  ): Promise<string[]> {
    const others: string[] = []
    for (let from = 0; from < positions.length; from += MAX_WITHDRAWN_PER_CALL) {
      const part = positions.slice(from, from + MAX_WITHDRAWN_PER_CALL)
      const args = [group, cancel ? '1' : '0', ...NOTES_LIFE, ...part]
      const keys = [requests, notesKey(requests)]
      others.push(...(await scripts.withdrawScript.run(this.#parts.calls, keys, args)))
    }
    return others
  }

  async tell(requests: string, note: Note): Promise<void> {
    const fields = [
      note.kind,
      note.position,
      ...(note.kind === 'credit' ? ['parts', String(note.parts)] : []),
    ]
    await scripts.tellScript.run(this.#parts.calls, [notesKey(requests)], [...NOTES_LIFE, ...fields])
  }

  async reply(replies: string, fields: readonly string[]): Promise<boolean> {
    const bound = ['NOMKSTREAM', 'MAXLEN', '~', String(MAX_REPLIES), '*']
    return (await this.#parts.calls.send(['XADD', replies, ...bound, ...fields])) !== null
  }

  async bound(replies: string): Promise<void> {
    await this.#parts.calls.send(['XTRIM', replies, 'MAXLEN', '~', String(MAX_REPLIES)])
  }

  async replyPart({ requests, group, consumer, position, replies, fields }: ReplyPart) {
    const args = [group, consumer, position, String(MAX_REPLIES), ...fields]
    const answer = await scripts.replyPartScript.run(this.#parts.calls, [requests, replies], args)
    return answer === 1 ? 'written' : answer === 0 ? 'lost' : 'dropped'
  }
}

const NOTES_LIFE = [String(MAX_REPLIES), String(NOTES_TTL_MS)]
