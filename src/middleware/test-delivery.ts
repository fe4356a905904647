import type { Delivery } from '../core/delivery.ts'
import type { Event } from '../core/event.ts'

/** A delivery whose signal lives in a private field, as that of a worker does. */
export class TestDelivery implements Delivery {
  readonly event: Event
  readonly stream: string
  readonly group = 'group'
  readonly position = '1-1'
  readonly attempt: number
  readonly entry = { position: '1-1', fields: [] }
  readonly produced: string[] = []
  readonly #controller = new AbortController()

  constructor(event: Partial<Event>, { stream = 'stream', attempt = 1 } = {}) {
    const headers = Object.assign(Object.create(null), event.headers) as Record<string, string>
    this.event = {
      id: '1-1',
      type: 'user.created',
      time: '2026-01-28T10:00:00.000Z',
      data: null,
      ...event,
      headers,
    }
    this.stream = stream
    this.attempt = attempt
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  produce(stream: string): void {
    if (this.#controller.signal.aborted) throw new Error('it has ended')
    this.produced.push(stream)
  }
}
