import type { Schema } from './schema.ts'
import type { Consumer, Entry, Membership } from './stream-log.ts'

/*
 * Request/reply. A *requester* writes a request to a stream and waits on its own *reply stream*; a *responder* takes
 * requests from the stream through a group and answers each with a reply. A *terminal* is a place of a responder in
 * which one request runs. A *contract* names the stream and what may be asked and answered (`src/rpc/contract.ts`).
 *
 * On the wire a request has the fields `requestId` and `data`, and of ours `replyTo` (the id of the requester), `timeout`
 * (in ms, counted from the position of the entry, so that no clocks need agree), `correlationid` and `traceparent`. A
 * reply has `requestId`, and `data` or `error`.
 */

/**
 * What requests and replies need of a log beside appending. All that belongs to the requests of a stream stands in its
 * slot, so that a reply and the acknowledgement of its request are one step.
 */
export interface RpcLog {
  /** The reply stream of a requester. Made of its id, so that what a request says can never lead to another key. */
  replyStream(requests: string, requester: string): string

  /** Whether what is written to `stream` can be one step with acknowledging a request. */
  together(requests: string, stream: string): boolean

  /** The clock of the server that has the requests, in ms since 1970. */
  now(requests: string): Promise<number>

  /**
   * Joins a group as a StreamLog does. What is settled is deleted from the stream, and each entry that is produced is a
   * reply: written, with the acknowledgement, only where its reply stream is there. One to a requester that is gone is
   * dropped. Any other stream that is produced to is made where it is missing, and bounded like a reply stream.
   *
   * @param onDropped told how many replies were for nobody
   */
  join(membership: Membership, onDropped: (count: number) => void): Promise<Consumer>

  /** Nothing is written before `keep`. */
  openReplies(requests: string, requester: string): Promise<ReplyStream>

  /** What is told to all responders of these requests from now on, and, with `broadcast`, the requests themselves. */
  listen(requests: string, broadcast: boolean): Promise<Listener>

  /** Writes a request that is for all who listen, and for no group. Answers its position; it is gone after a while. */
  broadcast(requests: string, fields: readonly string[], timeoutMs: number): Promise<string>

  /**
   * Takes back requests that the group was not handed yet: they are deleted, and never run. Answers the positions of
   * the others; with `cancel`, whoever runs them is told.
   */
  withdraw(
    requests: string,
    group: string,
    positions: readonly string[],
    options: { cancel: boolean },
  ): Promise<string[]>

  /** Tells all who listen. */
  tell(requests: string, note: Note): Promise<void>

  /** Writes a reply to a broadcast request, or drops it: answers whether the reply stream was there. */
  reply(replies: string, fields: readonly string[]): Promise<boolean>

  /** Drops the oldest entries of a stream of replies that got longer than a reply stream may be. */
  bound(replies: string): Promise<void>

  /**
   * Writes one of many parts of a reply. `lost` where the request went to another responder, `dropped` where nobody waits
   * for it: nothing was written then.
   */
  replyPart(part: ReplyPart): Promise<'written' | 'lost' | 'dropped'>
}

/** The reply stream of one requester: bounded, and gone by itself soon after the requester is. */
export interface ReplyStream {
  /** Makes it where it is missing, lets it live for `ttlMs` from now on, and forgets what was read. */
  keep(ttlMs: number): Promise<void>
  /** Replies that were not read yet, or none when none came within `waitMs`. Calls never overlap. */
  read(limit: number, waitMs: number): Promise<Entry[]>
  /** Ends a read that waits, and deletes the stream. Never fails. */
  close(): Promise<void>
}

/** Hears what is told to all; misses what is told while it has no connection for longer than that is kept. */
export interface Listener {
  /** What came since, or nothing when nothing came within `waitMs`. Calls never overlap. */
  read(waitMs: number): Promise<{ notes: Note[]; requests: Entry[] }>
  /** Ends a read that waits. */
  close(): Promise<void>
}

/** Said to whoever runs the request at a position. */
export type Note =
  | { readonly kind: 'cancel'; readonly position: string }
  /** So many parts may be written in all by now. */
  | { readonly kind: 'credit'; readonly position: string; readonly parts: number }

export interface ReplyPart {
  readonly requests: string
  readonly group: string
  readonly consumer: string
  /** Of the request, which the consumer must hold. */
  readonly position: string
  readonly replies: string
  readonly fields: readonly string[]
}

/** Of a contract with one reply to each request, what says who may ask what. */
export interface AskedContract {
  readonly name: string
  readonly stream: string
  readonly request: Schema
  readonly reply: Schema
  readonly answer: 'one'
}

export interface RequestOptions {
  /** How long to wait for the end of the answer, in ms; the contract's unless given. No responder begins it later. */
  timeout?: number
  /** Cancels the request: it is not run if nobody has it yet, and the handler that runs it is told by its `signal`. */
  signal?: AbortSignal
}

/** Counted since the process began, for the requests of one stream. */
export interface RpcFigures {
  readonly stream: string
  /** Requests of this process that wait for their reply. */
  readonly pending: number
  /** Requests that run in this process. */
  readonly activeTerminals: number
  /** Replies that nobody waited for any more, or that came too late to be sent. */
  readonly lateReplies: number
  /** Requests that were not run, since their time was over. */
  readonly expired: number
}

/** Takes how long requests took, from the call to its end, however it ended. */
export interface RpcTimes {
  /** Asked once for a stream, and kept. */
  of(stream: string): (ms: number) => void
}
