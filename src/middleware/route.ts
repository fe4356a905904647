import type { Handler, Middleware } from '../core/delivery.ts'
import { checkFunctions } from '../core/pipeline.ts'
import { Router } from '../core/router.ts'

/**
 * Hands an event to the handler whose type or pattern fits best: the exact type, then the pattern with more literal
 * tokens. `*` is one token between dots, `>` the rest. What fits none goes on to the next.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` for handlers that are no functions, and for wrong patterns
 *
 * @example
 * compose(route({ 'user.created': welcome, 'user.>': audit }))(everythingElse)
 */
export function route(handlers: Readonly<Record<string, Handler>>): Middleware {
  checkFunctions('handlers', handlers)
  const router = new Router(Object.entries(handlers))
  return (next) => (delivery) => (router.find(delivery.event.type) ?? next)(delivery)
}
