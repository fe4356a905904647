import type { Middleware } from '../core/delivery.ts'
import type { PublishMiddleware } from '../core/pipeline.ts'
import { MASK } from '../core/redact.ts'
import { parsePaths, replaceAt } from './paths.ts'
import { changeEvent, withEvent } from '../core/with-event.ts'

export interface RedactOptions {
  /** What takes the place of a value (`****`). On publishing it must fit the schema of the data. */
  replacement?: unknown
}

/**
 * Hides values from the handler: those at paths such as `user.email`, `items.0.card` or, for every member,
 * `items.*.card`. The entry keeps them.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every path that leads nowhere
 *
 * @example
 * redact(['user.email', 'cards.*.number'])
 */
export function redact(paths: readonly string[], options: RedactOptions = {}): Middleware {
  const hide = hider(paths, options)
  return (next) => (delivery) =>
    next(withEvent(delivery, changeEvent(delivery.event, { data: hide(delivery.event.data) })))
}

/**
 * The same on publishing: what is hidden is never written.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every path that leads nowhere
 *
 * @example
 * connect({ url, middleware: [redactPublished(['user.email'])] })
 */
export function redactPublished(paths: readonly string[], options: RedactOptions = {}): PublishMiddleware {
  const hide = hider(paths, options)
  return (event) => ({ ...event, data: hide(event.data) })
}

function hider(paths: readonly string[], { replacement = MASK }: RedactOptions): (data: unknown) => unknown {
  const tree = parsePaths(paths)
  return (data) => replaceAt(data, tree, () => replacement)
}
