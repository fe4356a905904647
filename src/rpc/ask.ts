import { toJson } from '../core/codec.ts'
import { correlationId } from '../core/correlation.ts'
import { InvalidError } from '../core/errors.ts'
import type { RequestOptions } from '../core/rpc.ts'
import { validate } from '../core/schema.ts'
import { checkTimeout, type Contract } from './contract.ts'
import { Parts } from './parts.ts'
import type { Pending, Requester, Sending, Waiting } from './requester.ts'
import { QuorumError, type GatheredReply } from './rpc-error.ts'
import { checkSize, replyError, replyValue, requestFields, type ReadReply } from './wire.ts'

export type { RequestOptions }

export interface GatherOptions extends RequestOptions {
  /** How many replies are enough, from 1 on. */
  quorum: number
}

/** @throws InvalidError `EVENT_INVALID` with the fields at fault; nothing was written */
async function prepare(
  contract: Contract,
  data: unknown,
  { timeout = contract.timeout, signal }: RequestOptions,
  maxBytes: number,
): Promise<Sending> {
  checkTimeout(timeout)
  const checked = validate(contract.request, data, `the request of "${contract.name}"`)
  if (checked instanceof Promise) await checked
  const json = toJson(data)
  checkSize('request', json, maxBytes)
  const correlation = correlationId()
  return {
    timeout,
    signal,
    fields: (requestId, replyTo) =>
      requestFields({ requestId, json, replyTo, timeout, correlationId: correlation }),
  }
}

/** The one reply. */
export async function ask(
  requester: Requester,
  contract: Contract,
  data: unknown,
  options: RequestOptions,
  maxBytes: number,
): Promise<unknown> {
  const sending = await prepare(contract, data, options, maxBytes)
  const reply = await new Promise<ReadReply>((resolve, reject) => {
    requester.send(sending, {
      take: (reply) => {
        resolve(reply)
        return true
      },
      fail: reject,
    })
  })
  if (reply.error !== undefined) throw await replyError(contract, reply.error)
  return replyValue(contract, reply.data)
}

/** Asks when the first part is wanted. */
export async function* askParts(
  requester: Requester,
  contract: Contract,
  data: unknown,
  options: RequestOptions,
  maxBytes: number,
): AsyncGenerator<unknown, void> {
  const sending = await prepare(contract, data, options, maxBytes)
  const parts = new Parts({
    allow: (count) => requester.allow(pending, count),
    cancel: () => requester.cancel(pending),
    value: (json) => replyValue(contract, json),
    error: (json) => replyError(contract, json),
  })
  const pending: Pending = requester.send(sending, parts)
  yield* { [Symbol.asyncIterator]: () => parts }
}

/** The first replies of as many responders as are asked for; the others are told that nobody waits any more. */
export async function gather(
  requester: Requester,
  contract: Contract,
  data: unknown,
  options: GatherOptions,
  maxBytes: number,
): Promise<GatheredReply<unknown>[]> {
  checkQuorum(options.quorum)
  const sending = await prepare(contract, data, options, maxBytes)
  return new Promise((resolve, reject) => {
    const gathering = new Gathering(contract, options.quorum, resolve, reject, () =>
      requester.cancel(pending),
    )
    const pending: Pending = requester.send(sending, gathering)
  })
}

class Gathering implements Waiting {
  readonly #contract: Contract
  readonly #quorum: number
  readonly #resolve: (replies: GatheredReply<unknown>[]) => void
  readonly #reject: (error: Error) => void
  readonly #cancel: () => void
  readonly #replies: GatheredReply<unknown>[] = []
  readonly #failures: Error[] = []
  readonly #heard = new Set<string>()

  constructor(
    contract: Contract,
    quorum: number,
    resolve: (replies: GatheredReply<unknown>[]) => void,
    reject: (error: Error) => void,
    cancel: () => void,
  ) {
    this.#contract = contract
    this.#quorum = quorum
    this.#resolve = resolve
    this.#reject = reject
    this.#cancel = cancel
  }

  /** Each responder counts once. It ends by its own call of `cancel`, since a reply may take a while to be checked. */
  take({ responder = '', data, error }: ReadReply): boolean {
    if (this.#heard.has(responder)) return false
    this.#heard.add(responder)
    void this.#read(responder, data, error)
    return false
  }

  fail(error: Error): void {
    const isLate = (error as { code?: string }).code === 'RPC_TIMEOUT'
    this.#reject(isLate ? new QuorumError(this.#quorum, this.#replies, this.#failures) : error)
  }

  async #read(responder: string, data: string | undefined, error: string | undefined): Promise<void> {
    try {
      if (error !== undefined) throw await replyError(this.#contract, error)
      this.#replies.push({ responder, reply: await replyValue(this.#contract, data) })
    } catch (failure) {
      this.#failures.push(failure as Error)
    }
    if (this.#replies.length !== this.#quorum) return
    this.#resolve([...this.#replies])
    this.#cancel()
  }
}

function checkQuorum(quorum: number): void {
  if (Number.isInteger(quorum) && quorum >= 1) return
  const message = `must be a whole number from 1 on, not ${String(quorum)}`
  throw new InvalidError('CONFIGURATION_INVALID', 'the request can not be made like this', [
    { path: 'quorum', message },
  ])
}
