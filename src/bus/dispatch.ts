import type { Delivery, Handler } from '../core/delivery.ts'
import type { Event } from '../core/event.ts'
import { validate } from '../core/schema.ts'
import { schemaOf, type DataOut, type Schemas, type StreamDeclaration, type TypeOf } from '../core/stream.ts'

/** A handler per type; `*` takes what has none. What neither takes is acknowledged: the group does not care for it. */
export type Handlers<S extends Schemas> = {
  [K in TypeOf<S>]?: (delivery: Delivery<DataOut<S, K>>) => Promise<void> | void
} & { '*'?: Handler }

/**
 * One handler for all types of a stream. Data is checked against the declaration before a handler sees it, and what
 * the schema made of it is what the handler gets; an event that does not fit is rejected, since no retry mends it.
 */
export function dispatch<S extends Schemas>(
  declaration: StreamDeclaration<S>,
  handlers: Handlers<S>,
): Handler {
  const byType = new Map(Object.entries(handlers as Record<string, Handler | undefined>))
  const fallback = byType.get('*')
  return (delivery) => {
    const { event } = delivery
    const handler = byType.get(event.type) ?? fallback
    if (!handler) return
    const schema = schemaOf(declaration as StreamDeclaration, event.type)
    if (!schema) return handler(delivery)
    const data = validate(schema, event.data, event.type)
    if (!(data instanceof Promise)) return handler(withData(delivery, data))
    return data.then((settled) => handler(withData(delivery, settled)))
  }
}

/** The event was decoded for this delivery alone, so its data may be replaced in place. */
function withData(delivery: Delivery, data: unknown): Delivery {
  ;(delivery.event as { -readonly [K in keyof Event]: Event[K] }).data = data
  return delivery
}
