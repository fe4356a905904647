import type { GroupLag } from '../../core/lag.ts'
import type { StreamInfo } from '../../core/stream-info.ts'
import { within } from './within.ts'

/** Where streams are looked at. */
export interface StreamSources {
  /** Rejects while Redis does not answer; waits for no connection. */
  ping(): Promise<unknown>
  /** Streams beside those that are known from the beginning. */
  registered(): Promise<readonly string[]>
  info(stream: string): Promise<StreamInfo | undefined>
  lag(stream: string): Promise<readonly GroupLag[]>
  /** Of each master. */
  memory(): Promise<readonly ServerMemory[]>
}

/** How much memory a server uses, and how much it may use: 0 where nothing limits it. */
export interface ServerMemory {
  /** As `host:port`. */
  readonly server: string
  readonly usedBytes: number
  readonly maxBytes: number
}

/** How a stream was found. */
export interface StreamSight {
  readonly stream: string
  readonly info: StreamInfo
  readonly lags: readonly GroupLag[]
}

export interface ScrapeLimits {
  /** How long what was found is good for another scrape, in ms; longer where it took long to find. */
  keepMs: number
  /** How long a scrape waits for it, in ms. */
  budgetMs: number
  /** How long Redis may take for a PING, in ms. */
  pingMs: number
  /** How long a stream that could not be looked at again is still shown as it was, in ms. */
  staleMs: number
  streams: number
  concurrency: number
}

/** A look at much costs Redis time: the next one comes no sooner than after so many times as long as it took. */
const REST = 4

const LIMITS: ScrapeLimits = {
  keepMs: 3_000,
  budgetMs: 2_000,
  pingMs: 500,
  staleMs: 60_000,
  streams: 1_000,
  concurrency: 8,
}

/**
 * Looks at streams when metrics are asked for, for so long and no longer. Where the time is not enough the next look
 * begins with those that were not looked at for longest. Nothing is shown of a Redis that does not answer.
 */
export class StreamScrape {
  readonly #sources: () => StreamSources | undefined
  readonly #known: readonly string[]
  readonly #onError: (error: unknown) => void
  readonly #limits: ScrapeLimits
  #sights = new Map<string, { sight: StreamSight | undefined; at: number }>()
  #looking: Promise<void> | undefined
  #lookAgainAt = -Infinity
  #connected = false
  #leftOut = 0
  #memory: readonly ServerMemory[] = []

  /**
   * @param sources undefined while there is no connection yet
   * @param known streams that are always among those that are looked at
   */
  constructor(
    sources: () => StreamSources | undefined,
    known: readonly string[],
    onError: (error: unknown) => void,
    limits: Partial<ScrapeLimits> = {},
  ) {
    this.#sources = sources
    this.#known = known
    this.#onError = onError
    this.#limits = { ...LIMITS, ...limits }
  }

  get connected(): boolean {
    return this.#connected
  }

  /** Streams that are not shown: there are too many, or the time was not enough. */
  get leftOut(): number {
    return this.#leftOut
  }

  /** Of the servers, as they were last asked; none while Redis does not answer. */
  get memory(): readonly ServerMemory[] {
    return this.#connected ? this.#memory : []
  }

  sights(): readonly StreamSight[] {
    if (!this.#connected) return []
    return [...this.#sights.values()].flatMap(({ sight }) => (sight ? [sight] : []))
  }

  /** Never rejects, and takes no longer than the limits allow. */
  async refresh(): Promise<void> {
    const sources = this.#sources()
    const { pingMs, budgetMs } = this.#limits
    this.#connected = sources !== undefined && (await this.#answers(sources, pingMs))
    if (!sources || !this.#connected) return
    if (performance.now() < this.#lookAgainAt) return
    this.#looking ??= this.#look(sources)
      .catch(this.#onError)
      .finally(() => {
        this.#looking = undefined
      })
    await within(budgetMs, this.#looking)
  }

  async #answers(sources: StreamSources, pingMs: number): Promise<boolean> {
    try {
      return await within(
        pingMs,
        sources.ping().then(() => true),
      ).then((answer) => answer ?? false)
    } catch (error) {
      this.#onError(error)
      return false
    }
  }

  async #look(sources: StreamSources): Promise<void> {
    const { budgetMs, keepMs, streams: max, concurrency } = this.#limits
    const since = performance.now()
    const until = since + budgetMs
    const all = [...new Set([...this.#known, ...(await sources.registered()).toSorted()])]
    const streams = all.slice(0, max)
    this.#forget(new Set(streams))
    const waiting = streams.toSorted((a, b) => this.#seenAt(a) - this.#seenAt(b))
    const work = async () => {
      for (;;) {
        const stream = performance.now() < until ? waiting.shift() : undefined
        if (stream === undefined) return
        await this.#lookAt(stream, sources)
      }
    }
    await Promise.all([this.#weigh(sources), ...Array.from({ length: concurrency }, work)])
    this.#leftOut = all.filter((stream) => !this.#sights.has(stream)).length
    const end = performance.now()
    this.#lookAgainAt = end + Math.max(keepMs, REST * (end - since))
  }

  async #weigh(sources: StreamSources): Promise<void> {
    try {
      this.#memory = await sources.memory()
    } catch (error) {
      this.#memory = []
      this.#onError(error)
    }
  }

  async #lookAt(stream: string, sources: StreamSources): Promise<void> {
    try {
      const [info, lags] = await Promise.all([sources.info(stream), sources.lag(stream)])
      const named = new Set(info?.groups.map(({ group }) => group))
      // No more groups than the server was asked to name.
      const sight = info && { stream, info, lags: lags.filter(({ group }) => named.has(group)) }
      this.#sights.set(stream, { sight, at: performance.now() })
    } catch (error) {
      this.#onError(error)
    }
  }

  #seenAt(stream: string): number {
    return this.#sights.get(stream)?.at ?? -Infinity
  }

  /** What is not asked for any more, or was last seen too long ago to be true. */
  #forget(streams: ReadonlySet<string>): void {
    const oldest = performance.now() - this.#limits.staleMs
    for (const [stream, { at }] of this.#sights) {
      if (!streams.has(stream) || at < oldest) this.#sights.delete(stream)
    }
  }
}
