import { CORRELATION_ID, correlated, correlationId, correlationOf } from '../core/correlation.ts'
import type { Middleware } from '../core/delivery.ts'
import type { PublishMiddleware } from '../core/pipeline.ts'

/**
 * Runs the handler under the correlation id of its event, or the event's own id where it has none: the lines that the
 * handler logs have it, and so have the events that it publishes through {@link correlatePublished}.
 *
 * @example
 * bus.consume(users, { group: 'mailer', middleware: [correlate()] }, handlers)
 */
export const correlate = (): Middleware => (next) => (delivery) =>
  correlated(correlationOf(delivery.event), () => next(delivery))

/**
 * Gives every event the correlation id of the request or the event that it is published for, unless it brings one: the
 * attribute `correlationid`. What is published for nothing has none.
 *
 * @example
 * connect({ url, middleware: [correlatePublished()] })
 */
export const correlatePublished = (): PublishMiddleware => (event) => {
  const id = correlationId()
  if (id === undefined || event.headers?.[CORRELATION_ID] !== undefined) return event
  return { ...event, headers: { ...event.headers, [CORRELATION_ID]: id } }
}
