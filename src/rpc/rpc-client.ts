import { DEFAULT_MAX_EVENT_BYTES } from '../core/checked-entry.ts'
import { MillraceError } from '../core/errors.ts'
import type { RpcFigures, RpcLog, RpcTimes } from '../core/rpc.ts'
import { noLog, type Log, type Service } from '../core/service.ts'
import type { StreamLog } from '../core/stream-log.ts'
import type { Tracing } from '../core/tracing.ts'
import { ask, askParts, gather, type GatherOptions, type RequestOptions } from './ask.ts'
import { BroadcastResponder } from './broadcast-responder.ts'
import type { Answer, Contract, ContractOf, ReplyIn, ReplyOut, RequestIn, RequestOut } from './contract.ts'
import { noCounts, type Counts, type Surroundings } from './parties.ts'
import type { ReplyOptions } from './reply-options.ts'
import { Requester, type RequesterOptions } from './requester.ts'
import { Responder } from './responder.ts'
import type { GatheredReply } from './rpc-error.ts'
import type { RequestContext } from './run.ts'
import type { AnyHandler } from './terminals.ts'

type Awaitable<T> = T | Promise<T>

/** Answers a request: with a reply, or where the contract says `parts`, with as many as it likes. */
export type ReplyHandler<C extends Contract> = (
  request: RequestOut<C>,
  context: RequestContext,
) => C extends ContractOf<'parts'> ? AsyncIterable<ReplyIn<C>> : Awaitable<ReplyIn<C>>

export interface RpcOptions extends RequesterOptions {
  /** What the handlers fail with, and what Redis does. */
  log?: Log
  /** Largest request and reply, in bytes (1 MiB). */
  maxBytes?: number
  tracing?: Tracing | undefined
  /** Takes how long requests took. */
  times?: RpcTimes | undefined
}

/**
 * Requests and replies of one process; `bus.request` and its like lead here. Whoever makes it closes it.
 *
 * @example
 * const calls = new RpcClient(log, log.rpc)
 * await calls.reply(weather, { terminals: 5 }, ({ city }) => forecast(city))
 * const reply = await calls.request(weather, { city: 'Seattle' })
 */
export class RpcClient {
  readonly #surroundings: Surroundings
  readonly #options: RpcOptions
  readonly #counts = new Map<string, Counts>()
  readonly #requesters = new Map<string, Requester>()
  readonly #responders = new Set<Responder | BroadcastResponder>()
  #closed = false

  constructor(log: StreamLog, rpc: RpcLog, options: RpcOptions = {}) {
    const { log: lines = noLog, maxBytes = DEFAULT_MAX_EVENT_BYTES, tracing, times } = options
    this.#surroundings = { log, rpc, lines, maxBytes, tracing, times }
    this.#options = options
  }

  /** By stream; what is counted never goes back. */
  get figures(): readonly RpcFigures[] {
    return [...this.#counts.values()]
  }

  /** When the loop of each responder that runs here last came round, in ms since 1970. */
  get lastLoops(): readonly number[] {
    return [...this.#responders].map(({ lastLoopAt }) => lastLoopAt)
  }

  /**
   * Asks, and answers the reply.
   *
   * @throws InvalidError `EVENT_INVALID` for a request that does not fit; RpcError for what the contract declares;
   *   MillraceError `RPC_TIMEOUT`, `RPC_FAILED` where the handler failed otherwise, `RPC_CANCELLED`, `RPC_BUSY`, and
   *   `RPC_INTERRUPTED` when it was closed meanwhile
   */
  async request<C extends ContractOf<'one'>>(
    contract: C,
    data: RequestIn<C>,
    options: RequestOptions = {},
  ): Promise<ReplyOut<C>> {
    const { maxBytes } = this.#surroundings
    return (await ask(this.#requester(contract), contract, data, options, maxBytes)) as ReplyOut<C>
  }

  /**
   * Asks, and answers the parts as they come; the request is made when the first one is wanted. A responder writes a
   * few parts ahead of whoever reads them, and stops when they are not read to their end. After an error that comes in
   * the middle the parts before it stand. Where the responder dies in the middle, the answer ends with
   * `RPC_INTERRUPTED`; where it dies before the first part, another one answers.
   *
   * @throws as `request`, on the way
   */
  requestParts<C extends ContractOf<'parts'>>(
    contract: C,
    data: RequestIn<C>,
    options: RequestOptions = {},
  ): AsyncGenerator<ReplyOut<C>, void> {
    const { maxBytes } = this.#surroundings
    const parts = askParts(this.#requester(contract), contract, data, options, maxBytes)
    return parts as AsyncGenerator<ReplyOut<C>, void>
  }

  /**
   * Asks all responders that run, and answers the first replies, as many as the quorum is. Those that fail do not count.
   *
   * @throws QuorumError with the replies that came, when they were too few
   */
  async gather<C extends ContractOf<'all'>>(
    contract: C,
    data: RequestIn<C>,
    options: GatherOptions,
  ): Promise<GatheredReply<ReplyOut<C>>[]> {
    const { maxBytes } = this.#surroundings
    const replies = await gather(this.#requester(contract), contract, data, options, maxBytes)
    return replies as GatheredReply<ReplyOut<C>>[]
  }

  /**
   * Answers requests until it is stopped; resolves when it runs. What a handler throws reaches the requester: with code
   * and data where the contract declares it, else as `RPC_FAILED`, and its message stays here.
   */
  async reply<C extends ContractOf<Answer>>(
    contract: C,
    options: ReplyOptions,
    handler: ReplyHandler<C>,
  ): Promise<Service> {
    if (this.#closed) throw closed()
    const Kind = contract.answer === 'all' ? BroadcastResponder : Responder
    const responder = new Kind(
      contract,
      options,
      handler as AnyHandler,
      this.#surroundings,
      this.#countsOf(contract),
    )
    // Before it runs, so that a close meanwhile stops it.
    this.#responders.add(responder)
    await responder.start().catch(async (error: unknown) => {
      this.#responders.delete(responder)
      await responder.stop(0)
      throw error
    })
    return responder
  }

  /** Ends what waits with `RPC_INTERRUPTED`, at once, and waits for what runs. */
  async close(deadlineMs: number): Promise<void> {
    this.#closed = true
    await Promise.all([
      ...[...this.#requesters.values()].map((requester) => requester.stop()),
      ...[...this.#responders].map((responder) => responder.stop(deadlineMs)),
    ])
  }

  #requester(contract: Contract): Requester {
    if (this.#closed) throw closed()
    const key = JSON.stringify([contract.stream, contract.name])
    let requester = this.#requesters.get(key)
    if (!requester) {
      requester = new Requester(contract, this.#surroundings, this.#countsOf(contract), this.#options)
      this.#requesters.set(key, requester)
    }
    return requester
  }

  #countsOf({ stream }: Contract): Counts {
    let counts = this.#counts.get(stream)
    if (!counts) this.#counts.set(stream, (counts = noCounts(stream)))
    return counts
  }
}

const closed = () => new MillraceError('CLOSED', 'the bus was closed; make another one')
