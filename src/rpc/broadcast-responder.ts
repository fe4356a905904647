import { decodeEntry } from '../core/codec.ts'
import { toError } from '../core/errors.ts'
import type { Service } from '../core/service.ts'
import type { Entry } from '../core/stream-log.ts'
import { answerWithin } from '../core/answer-within.ts'
import { uniqueName } from '../core/unique-name.ts'
import type { Contract } from './contract.ts'
import { Hearing, type Heard } from './hearing.ts'
import type { Counts, Surroundings } from './parties.ts'
import { checkReplyOptions, type ReplyOptions } from './reply-options.ts'
import { SharedReplies } from './shared-replies.ts'
import { Terminals, type AnyHandler } from './terminals.ts'
import { readRequest } from './wire.ts'

/** What waits for a terminal, for each of them; beyond it requests are left to the other responders. */
const MAX_WAITING_PER_TERMINAL = 200

/**
 * Answers requests that go to all responders. Nothing holds a request for it: what comes while it does not run, or when it
 * dies, it does not answer, and the quorum of the requester sees to that.
 */
export class BroadcastResponder implements Service {
  readonly #contract: Contract
  readonly #surroundings: Surroundings
  readonly #counts: Counts
  readonly #terminals: Terminals
  readonly #shared: SharedReplies
  readonly #places: number
  readonly #hearing: Hearing
  readonly #running = new Set<Promise<void>>()
  #waiting: Entry[] = []
  /** Aborted when what runs has no time left. */
  readonly #cutOff = new AbortController()
  readonly #name = uniqueName()
  #lastLoopAt = Date.now()
  #stopped: Promise<void> | undefined

  /** @throws InvalidError `CONFIGURATION_INVALID` with every mistake */
  constructor(
    contract: Contract,
    options: ReplyOptions,
    handler: AnyHandler,
    surroundings: Surroundings,
    counts: Counts,
  ) {
    this.#places = checkReplyOptions(options, handler).terminals
    this.#contract = contract
    this.#surroundings = surroundings
    this.#counts = counts
    this.#terminals = new Terminals(contract, handler, surroundings, counts)
    this.#shared = new SharedReplies(contract, surroundings)
    this.#hearing = new Hearing(contract, surroundings, (heard) => this.#take(heard))
  }

  async start(): Promise<void> {
    await this.#hearing.start(true)
  }

  /** When its loop last came round without a fault, in ms since 1970. */
  get lastLoopAt(): number {
    return this.#lastLoopAt
  }

  stop(deadlineMs: number): Promise<void> {
    this.#stopped ??= this.#stop(deadlineMs)
    return this.#stopped
  }

  async #stop(deadlineMs: number): Promise<void> {
    this.#waiting = []
    await this.#hearing.stop()
    await answerWithin(Promise.all(this.#running), deadlineMs).catch(() => this.#cutOff.abort())
    this.#terminals.stop()
  }

  #take({ notes, requests }: Heard): void {
    this.#lastLoopAt = Date.now()
    const room = this.#places * MAX_WAITING_PER_TERMINAL - this.#waiting.length
    this.#waiting.push(...requests.slice(0, Math.max(0, room)))
    this.#pump()
    // A note may be about what came with it.
    for (const note of notes) {
      if (note.kind === 'cancel')
        this.#waiting = this.#waiting.filter(({ position }) => position !== note.position)
      this.#terminals.hear(note)
    }
  }

  #pump(): void {
    while (this.#running.size < this.#places && this.#waiting.length > 0) {
      const run = this.#answer(this.#waiting.shift()!).finally(() => {
        this.#running.delete(run)
        this.#pump()
      })
      this.#running.add(run)
    }
  }

  /** One request that can't be read, or one reply that can't be written, is nobody else's trouble. */
  async #answer(entry: Entry): Promise<void> {
    const { stream } = this.#contract
    try {
      await this.#answerRequest(entry)
    } catch (error) {
      const line = { error, stream, position: entry.position }
      this.#surroundings.lines.warn(line, `a request was not answered: ${toError(error).message}`)
    }
  }

  async #answerRequest(entry: Entry): Promise<void> {
    const { stream } = this.#contract
    const { rpc } = this.#surroundings
    const { position } = entry
    const event = decodeEntry(stream, entry)
    const request = readRequest(this.#contract, event)
    const leftMs = this.#hearing.leftOf(position, request.timeout)
    if (leftMs <= 0) return void this.#counts.expired++
    const fields = await this.#terminals.answer({
      ...request,
      position,
      attempt: 1,
      leftMs,
      data: event.data,
      ours: () => this.#cutOff.signal,
      writePart: async () => false,
    })
    if (!fields) return
    const named = [...fields, 'responder', this.#name]
    if (request.replyTo === undefined) {
      await this.#shared.write(named)
    } else if (!(await rpc.reply(rpc.replyStream(stream, request.replyTo), named))) this.#counts.lateReplies++
  }
}
