import type { Event } from '../../core/event.ts'
import type { SinkEvent } from '../../core/sink.ts'

/**
 * Which events a sink has for good although their write failed, because of others in it or since it took too long. A write
 * that comes again brings the same events, so they need not be sent again; what middleware makes anew is another event.
 * Nothing is kept of events that nobody holds any more, and nothing of writes that succeed, which are nearly all.
 */
export class SentEvents {
  /** By part, since the same event may be several of one entry; nearly all are the first. */
  readonly #parts: WeakSet<Event>[] = []

  has({ event, part }: SinkEvent): boolean {
    return this.#parts[part]?.has(event) ?? false
  }

  /**
   * Runs a write.
   *
   * @param write puts into `sent` what the sink has by now
   */
  async during<T>(signal: AbortSignal, write: (sent: SinkEvent[]) => Promise<T>): Promise<T> {
    const sent: SinkEvent[] = []
    let counts = false
    try {
      const result = await write(sent)
      counts = !signal.aborted
      return result
    } finally {
      if (!counts) for (const event of sent) this.#add(event)
    }
  }

  #add({ event, part }: SinkEvent): void {
    this.#parts[part] ??= new WeakSet()
    this.#parts[part].add(event)
  }
}
