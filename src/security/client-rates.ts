import {
  RateLimiterMemory,
  RateLimiterRedis,
  RateLimiterRes,
  type RateLimiterAbstract,
} from 'rate-limiter-flexible'
import type { ClientRate, RateLimiter, RateVerdict } from '../core/access.ts'
import { noLog, type Log } from '../core/service.ts'
import { hastyStore, type CommandSender } from './hasty-store.ts'

export interface RateConnection extends CommandSender {
  close(): Promise<void>
}

export interface ClientRatesOptions {
  /** What the keys of all clients begin with. */
  keyPrefix: string
  /** How long a request waits for its count, in ms (50): Redis answers within one, and a request is worth more than its count. */
  patienceMs?: number
  log?: Log
}

const DEFAULT_PATIENCE_MS = 50

/**
 * Counts the requests of clients in windows of time, for all instances together: in Redis, and while that does not
 * answer at once, in this process alone. A window begins with the first request in it; it is counted in whole seconds,
 * rounded up.
 */
export class ClientRates implements RateLimiter {
  readonly #options: ClientRatesOptions
  #rate: ClientRate | undefined
  #connect: (() => RateConnection) | undefined
  #redis: RateConnection | undefined
  #limiter: RateLimiterAbstract | undefined

  /** @param rate undefined for no limit */
  constructor(rate: ClientRate | undefined, options: ClientRatesOptions) {
    this.#options = options
    this.configure(rate)
  }

  /** From now on this is the limit; undefined for none. Where the time changes, all clients begin anew. */
  configure(rate: ClientRate | undefined): void {
    this.#rate = rate
    this.#rebuild()
  }

  /**
   * From now on instances count together. Without it, or before it, each counts by itself.
   *
   * @param connect called once, when there is a limit
   */
  share(connect: () => RateConnection): void {
    this.#connect = connect
    this.#rebuild()
  }

  /** Ends the connection; from now on this instance counts by itself. Idempotent. */
  async close(): Promise<void> {
    const redis = this.#redis
    this.#connect = undefined
    this.#redis = undefined
    this.#rebuild()
    await redis?.close()
  }

  async take(client: string, weight = 1): Promise<RateVerdict | undefined> {
    const limiter = this.#limiter
    if (!limiter) return undefined
    try {
      return verdict(limiter, true, await limiter.consume(client, weight))
    } catch (refusal) {
      // Whoever is over the limit is told so by a rejection. Everything else is answered by the insurance.
      if (refusal instanceof RateLimiterRes) return verdict(limiter, false, refusal)
      throw refusal
    }
  }

  #rebuild(): void {
    if (this.#rate) this.#redis ??= this.#connect?.()
    this.#limiter = this.#rate && this.#build(this.#rate)
  }

  #build({ max, windowMs }: ClientRate): RateLimiterAbstract {
    const duration = Math.ceil(windowMs / 1000)
    // The window is part of the key: what was counted for another one would end with that one.
    const limits = { points: max, duration, keyPrefix: `${this.#options.keyPrefix}${duration}s` }
    const alone = new RateLimiterMemory(limits)
    if (!this.#redis) return alone
    return new RateLimiterRedis({
      ...limits,
      storeClient: hastyStore(
        this.#redis,
        this.#options.patienceMs ?? DEFAULT_PATIENCE_MS,
        this.#options.log ?? noLog,
      ),
      useRedisPackage: true,
      insuranceLimiter: alone,
      // Whoever is over the limit is refused from memory, so that a flood of requests is none for Redis.
      inMemoryBlockOnConsumed: max,
    })
  }
}

function verdict(limiter: RateLimiterAbstract, allowed: boolean, result: RateLimiterRes): RateVerdict {
  const { points, duration } = limiter
  return {
    allowed,
    limit: points,
    windowSeconds: duration,
    remaining: Math.max(0, Math.min(points, result.remainingPoints)),
    resetSeconds: Math.max(1, Math.ceil(result.msBeforeNext / 1000)),
  }
}
