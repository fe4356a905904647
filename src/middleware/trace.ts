import type { Middleware } from '../core/delivery.ts'
import type { Tracing } from '../core/tracing.ts'

/**
 * A span for each start of the handler, which links to what published the event. A bus and the service that were given
 * their `tracing` have it already; this is for a worker of your own.
 *
 * @example
 * const handler = compose(trace(openTelemetry()))(async ({ event }) => send(event.data))
 */
export const trace =
  (tracing: Tracing): Middleware =>
  (next) =>
  (delivery) =>
    tracing.process([delivery], () => next(delivery))
