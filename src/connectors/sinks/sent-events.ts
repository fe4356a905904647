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
   * Runs a write. From the moment at which it fails or its time is over, what it sent is remembered, also what it sends later:
   * the next try does not wait for its end.
   *
   * @param write tells of each event that the sink has by now
   */
  async during<T>(signal: AbortSignal, write: (sent: (event: SinkEvent) => void) => Promise<T>): Promise<T> {
    const sent: SinkEvent[] = []
    let remembers = false
    const remember = () => {
      remembers = true
      for (const event of sent.splice(0)) this.#add(event)
    }
    if (signal.aborted) remember()
    signal.addEventListener('abort', remember)
    try {
      return await write((event) => (remembers ? this.#add(event) : void sent.push(event)))
    } catch (error) {
      remember()
      throw error
    } finally {
      signal.removeEventListener('abort', remember)
    }
  }

  #add({ event, part }: SinkEvent): void {
    this.#parts[part] ??= new WeakSet()
    this.#parts[part].add(event)
  }
}
