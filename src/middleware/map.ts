import type { Middleware } from '../core/delivery.ts'
import type { Event } from '../core/event.ts'
import { changeEvent, withEvent, type EventChanges } from '../core/with-event.ts'

/**
 * Changes an event before the handler sees it: `change` answers what is to be other, such as `{ data }` or
 * `{ type, data }`. It runs once per attempt, so it should give the same each time; where it throws, the attempt failed.
 *
 * @example
 * map(({ data }) => ({ type: 'user.created', data: { id: data.userId } }))
 */
export function map<T = unknown>(
  change: (event: Event<T>) => EventChanges | Promise<EventChanges>,
): Middleware {
  return (next) => async (delivery) => {
    const changes = await change(delivery.event as Event<T>)
    await next(withEvent(delivery, changeEvent(delivery.event, changes)))
  }
}
