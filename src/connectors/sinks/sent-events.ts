import type { Event } from '../../core/event.ts'
import type { SinkEvent } from '../../core/sink.ts'

/**
 * Which events a sink has for good although their write failed, because of others in it. A write that comes again brings
 * the same events, so they need not be sent again; what middleware makes anew is another event. Nothing is kept of events
 * that nobody holds any more.
 */
export class SentEvents {
  /** The same event may be several parts of one entry. */
  readonly #parts = new WeakMap<Event, Set<number>>()

  has({ event, part }: SinkEvent): boolean {
    return this.#parts.get(event)?.has(part) ?? false
  }

  add({ event, part }: SinkEvent): void {
    const parts = this.#parts.get(event)
    if (parts) parts.add(part)
    else this.#parts.set(event, new Set([part]))
  }
}
