import type { Middleware } from './delivery.ts'
import { InvalidError, type Issue } from './errors.ts'
import type { NewEvent } from './event.ts'

/**
 * What becomes of an event on its way in: itself or another one, several, or undefined for none. It may be asked
 * again about the same event, and never changes the one that it is given. What it throws, the publisher gets, with
 * nothing written.
 */
export type PublishMiddleware = (event: NewEvent, context: PublishContext) => Published | Promise<Published>
export type Published = NewEvent | readonly NewEvent[] | undefined

export interface PublishContext {
  readonly stream: string
  /**
   * For middleware that encrypts or compresses, and so comes last: what `close` makes of the event is written as it
   * is, since no schema can read it. The event itself is checked first, and `close` gets it as it would be written.
   *
   * @throws InvalidError or MillraceError `EVENT_INVALID` where the event does not fit the declaration of its stream
   */
  seal(event: NewEvent, close: (checked: NewEvent) => Promise<NewEvent>): Promise<NewEvent>
}

/**
 * Several middleware as one: the first is the outermost, so it sees a delivery first and its outcome last.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` for what is no function
 *
 * @example
 * const handler = compose(log({ log: console }), decrypt(ring))(async ({ event }) => send(event.data))
 */
export function compose(...middleware: readonly Middleware[]): Middleware {
  checkFunctions('middleware', middleware)
  return (handler) => middleware.reduceRight((next, wrap) => wrap(next), handler)
}

/** @throws InvalidError `CONFIGURATION_INVALID` with every place that holds no function */
export function checkFunctions(
  what: string,
  functions: readonly unknown[] | Readonly<Record<string, unknown>>,
): void {
  const issues: Issue[] = []
  for (const [place, one] of Object.entries(functions)) {
    if (typeof one !== 'function')
      issues.push({ path: `${what}.${place}`, message: `must be a function, not ${typeof one}` })
  }
  if (issues.length > 0) throw new InvalidError('CONFIGURATION_INVALID', `the ${what} can't be used`, issues)
}
