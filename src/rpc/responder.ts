import type { Delivery } from '../core/delivery.ts'
import type { Service } from '../core/service.ts'
import { uniqueName } from '../core/unique-name.ts'
import { wrapLog } from '../core/wrap-log.ts'
import { Worker } from '../worker/worker.ts'
import type { Contract } from './contract.ts'
import { Hearing } from './hearing.ts'
import type { Counts, Surroundings } from './parties.ts'
import { checkReplyOptions, type ReplyOptions } from './reply-options.ts'
import { SharedReplies } from './shared-replies.ts'
import { Terminals, type AnyHandler } from './terminals.ts'
import { readRequest, type ReadRequest } from './wire.ts'

/** A start that came to no end, since its responder died, is followed by another; more would kill more. */
const STARTS = 3
const RETRY_DELAY_MS = 100

/**
 * Answers the requests of a stream together with all other responders of the contract, each request by one of them. A
 * reply and the end of its request are one step, and only whoever holds the request still can do it: so a request that was
 * taken over is answered once. What a handler fails with is a reply as well; nothing is run again by that.
 */
export class Responder implements Service {
  readonly #contract: Contract
  readonly #surroundings: Surroundings
  readonly #counts: Counts
  readonly #terminals: Terminals
  readonly #shared: SharedReplies
  readonly #hearing: Hearing
  readonly #worker: Worker
  /** Whether replies to requests that were written by hand are one step with their acknowledgement as well. */
  readonly #together: boolean
  /** Of the consumer. */
  readonly #name = uniqueName()
  #stopped: Promise<void> | undefined

  /** @throws InvalidError `CONFIGURATION_INVALID` with every mistake */
  constructor(
    contract: Contract,
    options: ReplyOptions,
    handler: AnyHandler,
    surroundings: Surroundings,
    counts: Counts,
  ) {
    const { terminals, deadAfterMs } = checkReplyOptions(options, handler)
    this.#contract = contract
    this.#surroundings = surroundings
    this.#counts = counts
    this.#terminals = new Terminals(contract, handler, surroundings, counts)
    this.#shared = new SharedReplies(contract, surroundings)
    this.#hearing = new Hearing(contract, surroundings, ({ notes }) => {
      for (const note of notes) this.#terminals.hear(note)
    })
    const onDropped = (count: number) => void (counts.lateReplies += count)
    const { log, rpc, lines, tracing } = surroundings
    this.#together = rpc.together(contract.stream, contract.replies)
    const answer = (delivery: Delivery) => this.#answer(delivery)
    this.#worker = new Worker(wrapLog(log, { join: (membership) => rpc.join(membership, onDropped) }), {
      stream: contract.stream,
      group: contract.name,
      consumer: this.#name,
      handler: tracing ? (delivery) => tracing.process([delivery], () => answer(delivery)) : answer,
      concurrency: terminals,
      // What waited here behind a slow handler could run elsewhere.
      maxHeld: terminals,
      handlerTimeoutMs: Infinity,
      deadAfterMs,
      retry: { attempts: STARTS, delayMs: RETRY_DELAY_MS },
      log: lines,
    })
  }

  async start(): Promise<void> {
    if (await this.#hearing.start(false)) await this.#worker.start()
  }

  /** When its loop last came round without a fault, in ms since 1970. */
  get lastLoopAt(): number {
    return this.#worker.status.lastLoopAt
  }

  /** Takes no more requests, and waits for those that run; what does not end in time is answered by others. */
  stop(deadlineMs: number): Promise<void> {
    this.#stopped ??= this.#stop(deadlineMs)
    return this.#stopped
  }

  async #stop(deadlineMs: number): Promise<void> {
    await this.#worker.stop(deadlineMs)
    await this.#hearing.stop()
    this.#terminals.stop()
  }

  async #answer(delivery: Delivery): Promise<void> {
    const { position, attempt, event } = delivery
    const request = readRequest(this.#contract, event)
    const leftMs = this.#hearing.leftOf(position, request.timeout)
    if (leftMs <= 0) return void this.#counts.expired++
    const fields = await this.#terminals.answer({
      ...request,
      position,
      attempt,
      leftMs,
      data: event.data,
      ours: () => delivery.signal,
      writePart: (part) => this.#writePart(delivery, request, part),
    })
    if (fields) await this.#reply(delivery, request, fields)
  }

  /** The shared stream may be elsewhere: written first then, under a key, so that a second start does not write it again. */
  async #reply(delivery: Delivery, request: ReadRequest, fields: readonly string[]): Promise<void> {
    const { stream } = this.#contract
    const replies = this.#replies(request)
    if (request.replyTo !== undefined || this.#together) delivery.produce(replies, fields)
    else await this.#shared.write(fields, `rpc:${stream}:${delivery.position}`)
  }

  async #writePart(delivery: Delivery, request: ReadRequest, fields: string[]): Promise<boolean> {
    const { rpc } = this.#surroundings
    const { stream: requests, name: group } = this.#contract
    const replies = this.#replies(request)
    if (request.replyTo === undefined) {
      await this.#shared.write(fields)
      return true
    }
    const { position } = delivery.entry
    const part = { requests, group, consumer: this.#name, position, replies, fields }
    return (await rpc.replyPart(part)) === 'written'
  }

  #replies({ replyTo }: ReadRequest): string {
    const { stream, replies } = this.#contract
    return replyTo === undefined ? replies : this.#surroundings.rpc.replyStream(stream, replyTo)
  }
}
