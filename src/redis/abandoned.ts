import type { Claim } from '../core/stream-log.ts'
import type { GroupCommands } from './group-commands.ts'

/** Longest pause between two checks, in ms, however young the entries of others are. */
const MAX_CHECK_INTERVAL_MS = 30_000

/**
 * Takes over what consumers left behind: of ours at once when their heartbeat has stopped, of other software when an
 * entry has been idle for long enough. One consumer after the other, and never what waits for its retry: that is
 * what XAUTOCLAIM would take.
 */
export class AbandonedEntries {
  readonly #commands: GroupCommands
  readonly #minIdleMs: number
  readonly #deadAfterMs: number
  /** Where to go on among the entries of a consumer, and the longest idle time among those that were too young. */
  readonly #cursors = new Map<string, { next: string; idleMs: number }>()
  #nextCheckAt = 0
  #nextSweepAt = 0

  constructor(commands: GroupCommands, minIdleMs: number, deadAfterMs: number) {
    this.#commands = commands
    this.#minIdleMs = minIdleMs
    this.#deadAfterMs = deadAfterMs
  }

  /** More is waiting than the last call looked at. */
  get unfinished(): boolean {
    return this.#nextCheckAt === 0
  }

  /** @param someSilent whether a consumer of ours missed its heartbeats, so that the check can't wait */
  async take(limit: number, someSilent: boolean): Promise<Claim[]> {
    if (!someSilent && Date.now() < this.#nextCheckAt) return []
    await this.#sweep()
    let nextInMs = MAX_CHECK_INTERVAL_MS
    for (const consumer of await this.#commands.survey()) {
      const ours = consumer.silentMs >= 0
      if (ours && consumer.silentMs < this.#deadAfterMs) continue
      const { claims, idleMs } = await this.#takeFrom(consumer.name, ours, limit)
      if (claims.length > 0) {
        this.#nextCheckAt = 0
        return claims
      }
      if (ours) await this.#commands.removeConsumer(consumer.name, this.#deadAfterMs)
      else nextInMs = Math.min(nextInMs, this.#minIdleMs - idleMs)
    }
    this.#nextCheckAt = this.#cursors.size > 0 ? 0 : Date.now() + Math.max(nextInMs, 0)
    return []
  }

  async #sweep(): Promise<void> {
    if (Date.now() < this.#nextSweepAt) return
    await this.#commands.sweep()
    this.#nextSweepAt = Date.now() + MAX_CHECK_INTERVAL_MS
  }

  async #takeFrom(
    consumer: string,
    ours: boolean,
    limit: number,
  ): Promise<{ claims: Claim[]; idleMs: number }> {
    const { next: cursor, idleMs: seen } = this.#cursors.get(consumer) ?? { next: '-', idleMs: 0 }
    const minIdleMs = ours ? 0 : this.#minIdleMs
    const silentMs = ours ? this.#deadAfterMs : -1
    const { next, claims, ...rest } = await this.#commands.takeOver({
      consumer,
      minIdleMs,
      cursor,
      limit,
      silentMs,
    })
    const idleMs = Math.max(seen, rest.idleMs)
    if (next === '') this.#cursors.delete(consumer)
    else this.#cursors.set(consumer, { next, idleMs })
    return { claims, idleMs }
  }
}
