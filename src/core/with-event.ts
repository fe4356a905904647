import type { Delivery } from './delivery.ts'
import type { Event } from './event.ts'

/** What a middleware says anew about an event; the rest stays as it is. */
export type EventChanges = Partial<Event>

/** The event with some of it changed. Its time is still worked out only for whoever asks. */
export const changeEvent = (event: Event, changes: EventChanges): Event => ({
  ...event,
  get time() {
    return event.time
  },
  ...changes,
})

/**
 * The delivery with another event. The original stays as it was, since what is recorded of an entry is recorded of what
 * the log holds: nothing that was decrypted or masked ends there.
 */
export const withEvent = (delivery: Delivery, event: Event): Delivery => viewOf(delivery, { event })

/**
 * A delivery of which some members are others. A view and not a copy: what a delivery offers is made on first use and
 * kept in private fields, and whoever runs further out may have added to it.
 */
export function viewOf<D extends Delivery>(delivery: D, changes: Partial<Delivery>): D {
  return new Proxy(delivery, {
    get(target, name) {
      if (Object.hasOwn(changes, name)) return Reflect.get(changes, name)
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
