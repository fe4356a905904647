import type { Delivery, Middleware } from '../core/delivery.ts'

/**
 * Lets through what `matches` says yes to; the rest is acknowledged, and no handler sees it.
 *
 * @example
 * filter(({ event }) => event.headers['tenant'] === 'acme')
 */
export function filter<T = unknown>(
  matches: (delivery: Delivery<T>) => boolean | Promise<boolean>,
): Middleware {
  return (next) => async (delivery) => {
    if (await matches(delivery as Delivery<T>)) await next(delivery)
  }
}
