import { hash, randomUUID } from 'node:crypto'
import type { AppContext } from '../../core/app-context.ts'
import { MillraceError, toError } from '../../core/errors.ts'
import { HttpProblem } from '../../core/http-problem.ts'
import {
  REQUEST_LEASE_MS,
  type RepeatableRequest,
  type RequestMemory,
  type Seal,
} from '../../core/request-memory.ts'
import type { RouteAnswer } from '../../core/route.ts'
import type { Log } from '../../core/service.ts'
import { oncePerRequest, throughJson } from '../../postgres/once-per-request.ts'
import type { RedisCircuit } from './circuit.ts'

export interface AppRequestsParts {
  /** Requests of services with other names are other requests. */
  service: string
  /** @throws MillraceError `REDIS_UNAVAILABLE` before there is a connection */
  memory: () => RequestMemory
  circuit: Pick<RedisCircuit, 'refuseWhileOpen'>
  context: AppContext
  seal: Seal
}

type Run = (requestId: string, context: AppContext) => Promise<RouteAnswer>

/**
 * Requests with an `Idempotency-Key`. The first runs and its answer is kept; a repeat gets the same. Where the first fails
 * or dies a repeat runs again, and what had taken effect by then does not again: its events go under keys made of that
 * of the request, and its transactions have a row each that commits with them.
 */
export class AppRequests {
  readonly #parts: AppRequestsParts
  /** Without a key a transaction answers what it would with one, so that none is surprised by the first key. */
  readonly #plain: AppContext

  constructor(parts: AppRequestsParts) {
    this.#parts = parts
    const { context } = parts
    this.#plain = {
      ...context,
      transaction: async (work, options) => throughJson(await context.transaction(work, options)),
    }
  }

  /**
   * @param given undefined where it came without a key
   * @throws HttpProblem 409 while it runs; MillraceError `IDEMPOTENCY_CONFLICT` where the key came with another request;
   *   `CIRCUIT_OPEN` and the errors of Redis, when nothing was done; whatever the run throws
   */
  async answer(given: RepeatableRequest | undefined, run: Run): Promise<RouteAnswer> {
    if (!given) return run(randomUUID(), this.#plain)
    const { service, memory, circuit, context, seal } = this.#parts
    circuit.refuseWhileOpen()
    const request = { ...given, key: hash('sha256', `${given.key} ${service}`, 'base64url') }
    const requests = memory()
    const owner = randomUUID()
    const begun = await requests.begin(request, owner)
    if (begun.state === 'different') throw differs()
    if (begun.state === 'running') throw runs()
    if (begun.state === 'answered')
      return JSON.parse(await seal.open(begun.answer, request.key)) as RouteAnswer
    const owned = new OwnedRequest(requests, request.key, owner, context.log)
    try {
      const answer = await run(begun.requestId, this.#repeatable(request))
      await owned.finish(() => seal.close(JSON.stringify(answer), request.key))
      return answer
    } catch (error) {
      await owned.release()
      throw error
    }
  }

  /** The same steps in each run, by their order. */
  #repeatable(request: RepeatableRequest): AppContext {
    const { context, seal } = this.#parts
    let published = 0
    let committed = 0
    return {
      ...context,
      publish: (stream, type, data, options) => {
        const idempotencyKey = `request/${request.key}/${published++}`
        return context.publish(stream, type, data, { idempotencyKey, ...options })
      },
      transaction: (work, options) => {
        const step = { ...request, key: `${request.key}/${committed++}` }
        return context.transaction((tx) => oncePerRequest(tx, step, seal, () => work(tx)), options)
      },
    }
  }
}

/** A request that runs here, for as long as that is said again and again. */
class OwnedRequest {
  readonly #requests: RequestMemory
  readonly #key: string
  readonly #owner: string
  readonly #log: Log
  readonly #timer: NodeJS.Timeout

  constructor(requests: RequestMemory, key: string, owner: string, log: Log) {
    this.#requests = requests
    this.#key = key
    this.#owner = owner
    this.#log = log
    // Where one of them fails, the next comes soon enough.
    const renew = () => void requests.renew(key, owner).catch(() => {})
    this.#timer = setInterval(renew, REQUEST_LEASE_MS / 3)
  }

  finish(kept: () => Promise<string>): Promise<void> {
    return this.#end(async () => this.#requests.finish(this.#key, this.#owner, await kept()))
  }

  release(): Promise<void> {
    return this.#end(() => this.#requests.release(this.#key, this.#owner))
  }

  /** What took effect must not look like a failure because Redis went away since: a repeat runs, and repeats nothing. */
  async #end(tell: () => Promise<void>): Promise<void> {
    clearInterval(this.#timer)
    try {
      await tell()
    } catch (error) {
      this.#log.warn({ error }, `What became of a request could not be kept: ${toError(error).message}`)
    }
  }
}

const differs = () =>
  new MillraceError(
    'IDEMPOTENCY_CONFLICT',
    'the Idempotency-Key was used for another request; use a new key for a new one',
  )

const runs = () =>
  new HttpProblem(409, 'the request with this Idempotency-Key is being worked on; ask again soon', {
    code: 'REQUEST_RUNNING',
    headers: { 'retry-after': '1' },
  })
