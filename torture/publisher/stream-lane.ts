import { setTimeout as sleep } from 'node:timers/promises'
import type { Bus } from '../../src/bus/bus.ts'
import type { MillraceError } from '../../src/core/errors.ts'
import { DURABLE_LANE, LANES, type LaneName } from '../load.ts'
import { ENCRYPTED_LANE } from '../streams.ts'
import { eventOf, isUnknown, writeIntents, writeResults, type LaneContext, type Numbered } from './lane.ts'

/** How often an event with an idempotency key is published again while nobody knows whether it is there. */
const MAX_REPEATS = 20
const REPEAT_MS = 300

/** Publishes to one stream. In the lane with idempotency keys it does what those are for: what is unknown it repeats. */
export class StreamLane {
  readonly #lane: LaneName
  readonly #bus: Bus
  readonly #context: LaneContext
  readonly #running = new Set<Promise<void>>()
  #unanswered = 0

  constructor(lane: LaneName, bus: Bus, context: LaneContext) {
    this.#lane = lane
    this.#bus = bus
    this.#context = context
  }

  get unanswered(): number {
    return this.#unanswered
  }

  publish(events: readonly Numbered[]): void {
    this.#unanswered += events.length
    const work = this.#publish(events).finally(() => {
      this.#unanswered -= events.length
      this.#running.delete(work)
    })
    this.#running.add(work)
  }

  /** Resolves when everything is answered. */
  async close(): Promise<void> {
    await Promise.all(this.#running)
  }

  async #publish(events: readonly Numbered[]): Promise<void> {
    writeIntents(this.#context.evidence, this.#lane, events)
    for (let repeats = 0; events.length > 0; repeats++) {
      const results = await this.#attempt(events)
      writeResults(this.#context.evidence, this.#lane, events, results)
      if (!this.#hasKeys || repeats === MAX_REPEATS) return
      events = events.filter((_, index) => isUnknown(results[index]!))
      if (events.length > 0) await sleep(REPEAT_MS)
    }
  }

  get #hasKeys(): boolean {
    return this.#lane === 'keyed'
  }

  get #isDurable(): boolean {
    return this.#context.replicated && this.#lane === DURABLE_LANE
  }

  async #attempt(events: readonly Numbered[]): Promise<(string | MillraceError)[]> {
    const secret = this.#lane === ENCRYPTED_LANE ? this.#context.secret : undefined
    const prepared = events.map((event) => ({
      ...eventOf(this.#lane, event, secret),
      ...(this.#hasKeys && { idempotencyKey: event.id }),
      ...(this.#isDurable && { durability: { replicas: 1 } }),
    }))
    try {
      return await this.#bus.publishUntyped(LANES[this.#lane].stream, prepared)
    } catch (error) {
      // A call that is refused as a whole has written nothing.
      return events.map(() => error as MillraceError)
    }
  }
}
