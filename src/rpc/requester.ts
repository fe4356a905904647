import { randomBytes } from 'node:crypto'
import { answerWithin } from '../core/answer-within.ts'
import { pageAfter } from '../core/entry-size.ts'
import { MillraceError } from '../core/errors.ts'
import type { ReplyStream } from '../core/rpc.ts'
import { Deadlines, type Step } from './deadlines.ts'
import type { Contract } from './contract.ts'
import { loop } from './loop.ts'
import type { Counts, Surroundings } from './parties.ts'
import { readReply, type ReadReply } from './wire.ts'

/** What waits for the answer to a request. */
export interface Waiting {
  /** Answers whether that was all. */
  take(reply: ReadReply): boolean
  fail(error: Error): void
}

export interface Sending {
  readonly timeout: number
  readonly signal?: AbortSignal | undefined
  /** What is written. @param replyTo our id */
  fields(requestId: string, replyTo: string): string[]
}

/** A request of which the answer is not complete. */
export interface Pending {
  readonly requestId: string
  readonly sending: Sending
  readonly waiting: Waiting
  readonly beganAt: number
  step: Step
  /** Where it stands in its stream, once that is known. */
  position: string | undefined
  /** What the caller is told does not depend on the request any more. */
  over: boolean
  /** Whether whoever runs it should stop. */
  cancelled: boolean
  onAbort: (() => void) | undefined
}

export interface RequesterOptions {
  /** Requests that may wait for their replies at once (10000); beyond it `RPC_BUSY`. */
  maxPending?: number
  /** How long the reply stream outlives this process, in ms (60000). It is renewed while the process lives. */
  replyTtlMs?: number
}

const DEFAULTS = { maxPending: 10_000, replyTtlMs: 60_000 } satisfies RequesterOptions
/** Replies to read at once: at first, and where they are small. */
const FIRST_PAGE = 20
const MAX_PAGE = 500
/** Longest single wait for replies, in ms: a dead connection is noticed soon after. */
const WAIT_MS = 1_000
/** How long a stop waits for a Redis that does not answer, in ms. */
const LAST_WORDS_MS = 2_000
/** What was read is forgotten in steps of so many. */
const FORGET_AFTER = 2_000

/**
 * Asks by one contract and waits on a reply stream of its own, which one blocked read serves for all that is
 * pending. A reply that nobody waits for is counted and dropped. Nothing waits for ever: each request ends by a reply, an
 * error, its time-out, or the end of the requester.
 */
export class Requester {
  readonly #contract: Contract
  readonly #stream: string
  readonly #surroundings: Surroundings
  readonly #counts: Counts
  readonly #options: Required<RequesterOptions>
  readonly #took: ((ms: number) => void) | undefined
  /** Random, so that nobody answers a request that he was not given. */
  readonly #id = randomBytes(12).toString('base64url')
  /** Writing and taking back that is not answered yet. Neither rejects. */
  readonly #underWay = new Set<Promise<void>>()
  readonly #pending = new Map<string, Pending>()
  readonly #deadlines = new Deadlines<Pending>((over) => this.#timedOut(over))
  readonly #stopping = new AbortController()
  #replies: ReplyStream | undefined
  #opening: Promise<void> | undefined
  #reading: Promise<void> | undefined
  #lastNumber = 0
  #keepAt = 0
  #toForget = 0
  #page = FIRST_PAGE

  constructor(
    contract: Contract,
    surroundings: Surroundings,
    counts: Counts,
    options: RequesterOptions = {},
  ) {
    this.#contract = contract
    this.#stream = contract.stream
    this.#surroundings = surroundings
    this.#counts = counts
    this.#options = { ...DEFAULTS, ...options }
    this.#took = surroundings.times?.of(contract.stream)
  }

  /** Writes a request; how it ends is told to `waiting`. @throws MillraceError `RPC_BUSY`, `RPC_INTERRUPTED`, `RPC_CANCELLED` */
  send(sending: Sending, waiting: Waiting): Pending {
    if (this.#stopping.signal.aborted) throw interrupted()
    if (sending.signal?.aborted) throw cancelled(sending.signal)
    if (this.#pending.size >= this.#options.maxPending) throw busy(this.#pending.size, this.#stream)
    const pending: Pending = {
      requestId: `${this.#id}-${(++this.#lastNumber).toString(36)}`,
      sending,
      waiting,
      beganAt: performance.now(),
      step: 0,
      position: undefined,
      over: false,
      cancelled: false,
      onAbort: undefined,
    }
    this.#pending.set(pending.requestId, pending)
    this.#counts.pending++
    pending.step = this.#deadlines.add(pending, sending.timeout)
    this.#listen(pending)
    this.#track(this.#write(pending))
    return pending
  }

  /** Nobody wants the answer any more: a request that nobody has yet is not run, and whoever runs it is told. */
  cancel(pending: Pending): void {
    this.#end(pending)
    pending.cancelled = true
    this.#withdraw([pending], true)
  }

  /** So many parts of the answer may be written in all. */
  allow({ position }: Pending, parts: number): void {
    if (position === undefined) return
    // One that is lost holds the answer up until its time is over, and no longer.
    this.#surroundings.rpc.tell(this.#stream, { kind: 'credit', position, parts }).catch(() => {})
  }

  /** Callers that wait get `RPC_INTERRUPTED` at once; no key of ours is left. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    const left = [...this.#pending.values()]
    for (const pending of left) {
      pending.cancelled = true
      this.#fail(pending, interrupted())
    }
    this.#deadlines.stop()
    await answerWithin(this.#letGo(left), LAST_WORDS_MS).catch(() => {})
  }

  async #letGo(left: readonly Pending[]): Promise<void> {
    await this.#opening?.catch(() => {})
    this.#track(this.#takeBack(left, true))
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
    await Promise.all([this.#replies?.close(), this.#reading])
  }

  /** A stop waits for it. */
  #track(work: Promise<void>): void {
    this.#underWay.add(work)
    void work.then(() => this.#underWay.delete(work))
  }

  #listen(pending: Pending): void {
    const { signal } = pending.sending
    if (!signal) return
    pending.onAbort = () => {
      pending.waiting.fail(cancelled(signal))
      this.cancel(pending)
    }
    signal.addEventListener('abort', pending.onAbort, { once: true })
  }

  /** A reply may be read before this is answered. */
  async #write(pending: Pending): Promise<void> {
    try {
      if (!this.#replies) await this.#open()
      if (pending.over) return
      pending.position = await this.#append(pending.sending, pending.requestId)
    } catch (error) {
      // It may have been written: then a reply comes, and otherwise its time ends.
      if ((error as MillraceError).code === 'PUBLISH_UNCERTAIN') return
      return this.#fail(pending, error as Error)
    }
    // It waited for a connection for longer than its caller did.
    if (pending.over && (pending.cancelled || this.#isOverdue(pending)))
      this.#withdraw([pending], pending.cancelled)
  }

  #isOverdue({ beganAt, sending }: Pending): boolean {
    return performance.now() >= beganAt + sending.timeout
  }

  async #append({ timeout, fields }: Sending, requestId: string): Promise<string> {
    const { log, rpc, tracing } = this.#surroundings
    const written = fields(requestId, this.#id)
    const append = (entries: readonly { fields: readonly string[] }[]) =>
      this.#contract.answer === 'all'
        ? rpc.broadcast(this.#stream, entries[0]!.fields, timeout).then((position) => [position])
        : log.append(this.#stream, entries)
    const entries = [{ fields: written }]
    const [result] = await (tracing ? tracing.send(this.#stream, entries, append) : append(entries))
    if (typeof result === 'string') return result
    throw result
  }

  #open(): Promise<void> {
    this.#opening ??= this.#openReplies().catch((error: unknown) => {
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  async #openReplies(): Promise<void> {
    const { rpc, lines } = this.#surroundings
    const replies = await rpc.openReplies(this.#stream, this.#id)
    try {
      await this.#keep(replies)
    } catch (error) {
      await replies.close()
      throw error
    }
    this.#replies = replies
    const { signal } = this.#stopping
    const what = { log: lines, what: 'reading replies', stream: this.#stream }
    this.#reading = loop(() => this.#read(replies), signal, what)
  }

  async #keep(replies: ReplyStream): Promise<void> {
    await replies.keep(this.#options.replyTtlMs)
    this.#keepAt = performance.now() + this.#options.replyTtlMs / 3
    this.#toForget = 0
  }

  async #read(replies: ReplyStream): Promise<void> {
    if (performance.now() >= this.#keepAt || this.#toForget >= FORGET_AFTER) await this.#keep(replies)
    const waitMs = Math.max(1, Math.min(WAIT_MS, this.#options.replyTtlMs / 3))
    const entries = await replies.read(this.#page, Math.ceil(waitMs)).catch((error: unknown) => {
      // Redis may have lost it.
      this.#keepAt = 0
      throw error
    })
    // Silence may be a reply stream that is gone, as after FLUSHALL: replies are dropped until there is another.
    if (entries.length === 0) return void (this.#keepAt = 0)
    this.#page = pageAfter(this.#page, entries, MAX_PAGE)
    this.#toForget += entries.length
    for (const { fields } of entries) this.#take(readReply(fields))
  }

  #take(reply: ReadReply): void {
    const pending = this.#pending.get(reply.requestId)
    if (!pending) this.#counts.lateReplies++
    else if (pending.waiting.take(reply)) this.#end(pending)
  }

  #timedOut(all: readonly Pending[]): void {
    for (const pending of all) this.#fail(pending, timedOut(this.#stream, pending.sending.timeout))
    this.#withdraw(all, false)
  }

  #fail(pending: Pending, error: Error): void {
    if (pending.over) return
    this.#end(pending)
    pending.waiting.fail(error)
  }

  #end(pending: Pending): void {
    if (pending.over) return
    pending.over = true
    this.#pending.delete(pending.requestId)
    this.#counts.pending--
    this.#deadlines.delete(pending, pending.step)
    if (pending.onAbort) pending.sending.signal?.removeEventListener('abort', pending.onAbort)
    this.#took?.(performance.now() - pending.beganAt)
  }

  #withdraw(all: readonly Pending[], cancel: boolean): void {
    this.#track(this.#takeBack(all, cancel))
  }

  /** What fails here ends by its time-out all the same. */
  async #takeBack(all: readonly Pending[], cancel: boolean): Promise<void> {
    const positions = all.map(({ position }) => position).filter((position) => position !== undefined)
    if (positions.length === 0) return
    const { rpc } = this.#surroundings
    const { name, answer } = this.#contract
    if (answer !== 'all') {
      await rpc.withdraw(this.#stream, name, positions, { cancel }).catch(() => {})
    } else if (cancel) {
      const notes = positions.map((position) => rpc.tell(this.#stream, { kind: 'cancel', position }))
      await Promise.allSettled(notes)
    }
  }
}

const interrupted = () =>
  new MillraceError(
    'RPC_INTERRUPTED',
    'the requester was stopped before the answer was complete; it may have been run',
  )

const cancelled = (signal: AbortSignal) =>
  new MillraceError('RPC_CANCELLED', 'the request was cancelled by its signal', { cause: signal.reason })

const busy = (count: number, stream: string) =>
  new MillraceError(
    'RPC_BUSY',
    `${count} requests to "${stream}" wait for their replies; ask later, or run more responders`,
  )

const timedOut = (stream: string, ms: number) =>
  new MillraceError(
    'RPC_TIMEOUT',
    `no answer to a request to "${stream}" within ${ms} ms; does a responder run, and has it a terminal free?`,
  )
