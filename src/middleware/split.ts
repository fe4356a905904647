import type { Middleware } from '../core/delivery.ts'
import type { Event } from '../core/event.ts'
import { changeEvent, withEvent, type EventChanges } from '../core/with-event.ts'

type Parts = readonly EventChanges[]

/**
 * Makes several events of one: the handler is called for each of them, one after the other in their order. They stay
 * one entry: it is acknowledged when all are done, and where one fails, all are run again at the next attempt. None
 * at all is acknowledged.
 *
 * @example
 * split(({ data }) => data.items.map((item) => ({ type: 'item.sold', data: item })))
 */
export function split<T = unknown>(cut: (event: Event<T>) => Parts | Promise<Parts>): Middleware {
  return (next) => async (delivery) => {
    for (const changes of await cut(delivery.event as Event<T>))
      await next(withEvent(delivery, changeEvent(delivery.event, changes)))
  }
}
