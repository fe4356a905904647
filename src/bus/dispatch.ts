import { replaceData } from '../core/codec.ts'
import { Reject, type Delivery, type Handler } from '../core/delivery.ts'
import { InvalidError } from '../core/errors.ts'
import { compilePattern, isPattern } from '../core/pattern.ts'
import { checkFunctions } from '../core/pipeline.ts'
import { Router } from '../core/router.ts'
import type { Schema } from '../core/schema.ts'
import type { Schemas, StreamDeclaration, TypeOf } from '../core/stream.ts'
import { readData } from '../core/versioned.ts'
import { changeEvent, withEvent } from '../core/with-event.ts'
import type { HandlerKey, Handlers } from './handlers.ts'

export type { Handlers } from './handlers.ts'

export interface DispatchOptions {
  /**
   * What becomes of an event that no handler takes: `acknowledge` (default), since the group does not care for it, or
   * `dead-letter`, where a type that nobody handles is somebody's mistake.
   */
  unhandled?: 'acknowledge' | 'dead-letter'
}

/** What runs for a type that is declared. */
interface Route {
  readonly handler: Handler
  readonly schema: Schema
}

/**
 * One handler for all types of a stream. Data is checked against the declaration before a handler sees it, brought to
 * its newest version, and what the schema made of it is what the handler gets; an event that does not fit is rejected,
 * since no retry mends it. Who takes which type is in {@link Handlers}.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` for handlers that are no functions, wrong patterns and wrong options
 */
export function dispatch<S extends Schemas, K extends HandlerKey<S> = TypeOf<S> | '*'>(
  declaration: StreamDeclaration<S>,
  handlers: Handlers<S, K>,
  options: DispatchOptions = {},
): Handler {
  const given = definedHandlers(handlers)
  const star = given.get('*')
  const fallback = star ?? unhandledBy(options, declaration.name)
  // One token in a pattern, but as a key of its own it stands for everything that has no other handler.
  given.delete('*')
  const routes = routesOf(declaration as StreamDeclaration, given, star)
  const undeclared = undeclaredRouter(declaration as StreamDeclaration, given)
  return (delivery) => {
    const { event } = delivery
    const route = routes.get(event.type)
    if (!route) return (undeclared.find(event.type) ?? fallback)?.(delivery)
    const data = readData(route.schema, event, delivery.attempt)
    if (!(data instanceof Promise)) return route.handler(withData(delivery, data))
    return data.then((settled) => route.handler(withData(delivery, settled)))
  }
}

function definedHandlers(handlers: object): Map<string, Handler> {
  const given = Object.entries(handlers).filter(([, handler]) => handler !== undefined)
  checkFunctions('handlers', Object.fromEntries(given))
  return new Map(given as [string, Handler][])
}

function unhandledBy({ unhandled = 'acknowledge' }: DispatchOptions, stream: string): Handler | undefined {
  if (unhandled === 'acknowledge') return undefined
  if (unhandled !== 'dead-letter') {
    const message = `must be "acknowledge" or "dead-letter", not ${JSON.stringify(unhandled)}`
    throw new InvalidError('CONFIGURATION_INVALID', 'the group can not run like this', [
      { path: 'unhandled', message },
    ])
  }
  return ({ event }) => {
    throw new Reject(
      `no handler takes the type "${event.type}" on "${stream}": add one, or "*" for all the rest`,
    )
  }
}

/** For every declared type that somebody takes: its own handler, else that of the pattern that says most of it, else `*`. */
function routesOf(
  declaration: StreamDeclaration,
  given: ReadonlyMap<string, Handler>,
  star?: Handler,
): Map<string, Route> {
  const router = new Router(patternsOf(declaration, given))
  const routes = new Map<string, Route>()
  for (const [type, schema] of Object.entries(declaration.schemas)) {
    const handler = given.get(type) ?? router.find(type) ?? star
    if (handler) routes.set(type, { handler, schema })
  }
  return routes
}

/**
 * Types that the stream does not declare have no checked data, so a pattern that stands for declared types, and is
 * typed by them, never gets one of these.
 */
function undeclaredRouter(
  declaration: StreamDeclaration,
  given: ReadonlyMap<string, Handler>,
): Router<Handler> {
  const types = Object.keys(declaration.schemas)
  return new Router(
    [...given].filter(([key]) => {
      if (Object.hasOwn(declaration.schemas, key)) return false
      if (!isPattern(key)) return true
      const pattern = compilePattern(key)
      return !types.some((type) => pattern.matches(type))
    }),
  )
}

const patternsOf = (
  { schemas }: StreamDeclaration,
  given: ReadonlyMap<string, Handler>,
): [string, Handler][] => [...given].filter(([key]) => isPattern(key) && !Object.hasOwn(schemas, key))

const withData = (delivery: Delivery, data: unknown): Delivery =>
  replaceData(delivery.event, data) ? delivery : withEvent(delivery, changeEvent(delivery.event, { data }))
