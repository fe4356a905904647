import { monitorEventLoopDelay } from 'node:perf_hooks'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Log } from '../../core/service.ts'

/** From where on requests are refused, 0 for never. */
export interface LoadLimits {
  eventLoopDelayMs: number
  memoryBytes: number
}

/** How this process fares. */
export interface LoadMeasures {
  /** The longest delay of the event loop since it was last asked, in ms, one in a hundred aside. */
  eventLoopDelayMs(): number
  /** The size of the process, in bytes. */
  memoryBytes(): number
  /** How much of the heap that it may have is used, 0 to 1. */
  heapShare(): number
  /** Gives back what is not needed any more. */
  collectGarbage(): void
}

const MEBIBYTE = 1024 * 1024
const INTERVAL_MS = 250
/** Delays count for a second. */
const WINDOWS = 4
/** Nearer to its end than this the heap may take the process with it. */
const MAX_HEAP_SHARE = 0.9
/** Refusing ends clearly below where it begins, so that it does not flap. */
const ENOUGH_DELAY = 0.5
const ENOUGH_MEMORY = 0.95
const COLLECT_EVERY_MS = 5_000

/**
 * Watches the delay of the event loop, and the memory, of this process. Whoever takes work in asks for a reason not to.
 */
export class LoadMonitor {
  readonly #limits: LoadLimits
  readonly #log: Log
  readonly #measures: LoadMeasures
  #delays: number[] = []
  #timer: NodeJS.Timeout | undefined
  #reason: string | undefined
  #nextCollectionAt = 0

  constructor(limits: LoadLimits, log: Log, measures: LoadMeasures = measuresOfProcess()) {
    this.#limits = limits
    this.#log = log
    this.#measures = measures
  }

  /** Why nothing should be taken in for the moment; undefined while there is room. */
  get reason(): string | undefined {
    return this.#reason
  }

  start(): void {
    this.#timer = setInterval(() => this.look(), INTERVAL_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** As often as the timer says. */
  look(): void {
    const delay = this.#measures.eventLoopDelayMs()
    this.#delays = [...this.#delays.slice(1 - WINDOWS), delay]
    const before = this.#reason
    const memory = this.#memoryReason(before !== undefined)
    this.#reason = memory ?? this.#delayReason(before !== undefined)
    if (memory !== undefined) this.#collect()
    if (this.#reason !== undefined && before === undefined)
      this.#log.warn({ reason: this.#reason }, 'Overloaded: requests are refused')
    if (this.#reason === undefined && before !== undefined) this.#log.info({}, 'Requests are taken again')
  }

  #delayReason(refusing: boolean): string | undefined {
    const limit = this.#limits.eventLoopDelayMs * (refusing ? ENOUGH_DELAY : 1)
    const worst = Math.round(Math.max(...this.#delays))
    return limit > 0 && worst > limit ? `the event loop is ${worst} ms late` : undefined
  }

  #memoryReason(refusing: boolean): string | undefined {
    const share = refusing ? ENOUGH_MEMORY : 1
    const { memoryBytes: limit } = this.#limits
    if (limit === 0) return undefined
    const bytes = this.#measures.memoryBytes()
    if (bytes > limit * share) return `the process takes ${Math.round(bytes / MEBIBYTE)} MiB of memory`
    const heap = this.#measures.heapShare()
    return heap > MAX_HEAP_SHARE * share ? `${Math.round(heap * 100)} % of the heap is used` : undefined
  }

  /** Whoever refuses everything allocates little, and may never come to collect what is garbage by now. */
  #collect(): void {
    const now = performance.now()
    if (now < this.#nextCollectionAt) return
    this.#nextCollectionAt = now + COLLECT_EVERY_MS
    this.#measures.collectGarbage()
  }
}

const RESOLUTION_MS = 20

function measuresOfProcess(): LoadMeasures {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delays.enable()
  let askedAt = performance.now()
  return {
    eventLoopDelayMs() {
      const worst = delays.percentile(99) / 1e6 - RESOLUTION_MS
      delays.reset()
      // The histogram does not see a delay that begins right after its reset, but then this very call is late.
      const late = performance.now() - askedAt - INTERVAL_MS
      askedAt = performance.now()
      return Math.max(0, worst, late)
    },
    memoryBytes: () => process.memoryUsage.rss(),
    heapShare() {
      const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics()
      return used / limit
    },
    collectGarbage,
  }
}

/** Node offers it behind this flag alone, which can be set at any time. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
}

/**
 * What a body becomes on its way (bytes, text, objects, entries, a command) takes about eight times its size, and half of
 * the memory is for everything else.
 */
const MEMORY_PER_BODY_BYTE = 16
const MIN_REQUESTS = 100

/** How much may be under way at once, by the memory that there is. */
export function inFlightLimits(
  memoryBytes: number,
  largestBody: number,
): { requests: number; bodyBytes: number } {
  const heap = getHeapStatistics().heap_size_limit
  const memory = memoryBytes > 0 ? Math.min(memoryBytes, heap) : heap
  return {
    // Each request also takes some of its own, whatever its body.
    requests: Math.max(MIN_REQUESTS, Math.floor(memory / MEBIBYTE)),
    // The largest body that is allowed has to get through.
    bodyBytes: Math.max(largestBody, Math.floor(memory / MEMORY_PER_BODY_BYTE)),
  }
}
