import type { Middleware } from '../core/delivery.ts'
import { InvalidError } from '../core/errors.ts'
import { Router } from '../core/router.ts'
import { isSchema, validate as check, type Schema } from '../core/schema.ts'
import { changeEvent, withEvent } from '../core/with-event.ts'

/**
 * Checks data on any stream, without a declaration: against one schema, or by type or pattern of types (`user.*`). The
 * handler gets what the schema made of it. What does not fit is rejected (`EVENT_INVALID`), since no retry mends it; a
 * type without a schema passes unchecked.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` for what is no Standard Schema validator, and for wrong patterns
 *
 * @example
 * validate({ 'order.*': z.object({ orderId: z.string() }) })
 */
export function validate(schemas: Schema | Readonly<Record<string, Schema>>): Middleware {
  const router = new Router(isSchema(schemas) ? [['>', schemas]] : checked(schemas))
  return (next) => async (delivery) => {
    const { event } = delivery
    const schema = router.find(event.type)
    if (!schema) return next(delivery)
    const data = await check(schema, event.data, event.type)
    await next(withEvent(delivery, changeEvent(event, { data })))
  }
}

function checked(schemas: Readonly<Record<string, Schema>>): [string, Schema][] {
  const entries = Object.entries(schemas)
  const issues = entries
    .filter(([, schema]) => !isSchema(schema))
    .map(([path]) => ({ path, message: 'is no Standard Schema validator (zod, valibot, arktype, …)' }))
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'these schemas check nothing', issues)
  return entries
}
