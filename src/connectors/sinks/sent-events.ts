import type { Event } from '../../core/event.ts'
import type { SinkEvent } from '../../core/sink.ts'

/**
 * Which events a sink has for good although their write failed, because of others in it. A write that comes again brings
 * the same events, so they need not be sent again; what middleware makes anew is another event. Nothing is kept of events
 * that nobody holds any more.
 */
export class SentEvents {
  /** By part, since the same event may be several of one entry; nearly all are the first. */
  readonly #parts: WeakSet<Event>[] = []

  has({ event, part }: SinkEvent): boolean {
    return this.#parts[part]?.has(event) ?? false
  }

  add({ event, part }: SinkEvent): void {
    this.#parts[part] ??= new WeakSet()
    this.#parts[part].add(event)
  }
}
