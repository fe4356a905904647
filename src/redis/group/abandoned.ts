import { comparePositions } from '../../core/position.ts'
import type { Claim } from '../../core/stream-log.ts'
import type { GroupCommands } from './group-commands.ts'

/** Pause between two sweeps, in ms. */
const SWEEP_INTERVAL_MS = 30_000

export interface AbandonedOptions {
  readonly minIdleMs: number
  readonly deadAfterMs: number
  /** Longest pause between two looks at other software, in ms, however young its entries are. */
  readonly claimIntervalMs: number
}

/**
 * Takes over what consumers left behind: of ours at once when their heartbeat has stopped, of other software when an
 * entry has been idle for long enough. One consumer after the other, and never what waits for its retry: that is
 * what XAUTOCLAIM would take. Consumers that are dead and empty are removed on the way, some with each call.
 */
export class AbandonedEntries {
  readonly #commands: GroupCommands
  readonly #options: AbandonedOptions
  /** Where to go on among the entries of a stranger, and the longest idle time among those that were too young. */
  readonly #cursors = new Map<string, { next: string; idleMs: number }>()
  /** Where the sweep goes on; `''` while none is under way. */
  #sweepCursor = ''
  #nextSweepAt = 0
  /** The last page of it made something due. */
  #swept = false
  #nextCheckAt = 0
  /** More is waiting than the last call looked at. */
  #unfinished = false

  constructor(commands: GroupCommands, options: AbandonedOptions) {
    this.#commands = commands
    this.#options = options
  }

  get unfinished(): boolean {
    return this.#unfinished || this.#swept
  }

  /** @param someSilent whether a consumer of ours missed its heartbeats, so that the check can't wait */
  async take(limit: number, someSilent: boolean): Promise<Claim[]> {
    this.#unfinished = this.#swept = false
    const strangersToo = Date.now() >= this.#nextCheckAt
    if (!someSilent && !strangersToo && this.#sweepCursor === '') return []
    await this.#sweep()
    const claims = someSilent ? await this.#takeFromDead(limit) : []
    if (claims.length > 0 || !strangersToo) return claims
    return this.#takeFromStrangers(limit)
  }

  /** A page with each call, so that a call stays short however much waits for its retry. */
  async #sweep(): Promise<void> {
    if (this.#sweepCursor === '') {
      if (Date.now() < this.#nextSweepAt) return
      this.#nextSweepAt = Date.now() + SWEEP_INTERVAL_MS
      this.#sweepCursor = '-'
    }
    const [next, found] = await this.#commands.sweep(this.#sweepCursor)
    this.#sweepCursor = next
    this.#swept = found > 0
  }

  async #takeFromDead(limit: number): Promise<Claim[]> {
    const { deadAfterMs } = this.#options
    const { holding, more } = await this.#commands.tidyConsumers(deadAfterMs)
    const taken: Claim[] = []
    for (const consumer of holding) {
      const left = limit - taken.length
      if (left === 0) break
      const from = { consumer, minIdleMs: 0, cursor: '-', limit: left, silentMs: deadAfterMs }
      taken.push(...(await this.#commands.takeOver(from)).claims)
    }
    // Who held something is removed by the next look, and may hold more.
    this.#unfinished = more || holding.length > 0
    return taken.sort((a, b) => comparePositions(a.position, b.position))
  }

  async #takeFromStrangers(limit: number): Promise<Claim[]> {
    const { claimIntervalMs, minIdleMs } = this.#options
    let nextInMs = claimIntervalMs
    for (const consumer of await this.#commands.strangers()) {
      const { claims, idleMs } = await this.#takeFromStranger(consumer, limit)
      if (claims.length > 0) {
        this.#unfinished = true
        return claims
      }
      nextInMs = Math.min(nextInMs, minIdleMs - idleMs)
    }
    if (this.#cursors.size > 0) this.#unfinished = true
    else this.#nextCheckAt = Date.now() + Math.max(nextInMs, 0)
    return []
  }

  async #takeFromStranger(consumer: string, limit: number): Promise<{ claims: Claim[]; idleMs: number }> {
    const { next: cursor, idleMs: seen } = this.#cursors.get(consumer) ?? { next: '-', idleMs: 0 }
    const from = { consumer, minIdleMs: this.#options.minIdleMs, cursor, limit, silentMs: -1 }
    const { next, claims, ...rest } = await this.#commands.takeOver(from)
    const idleMs = Math.max(seen, rest.idleMs)
    if (next === '') this.#cursors.delete(consumer)
    else this.#cursors.set(consumer, { next, idleMs })
    return { claims, idleMs }
  }
}
