import { MillraceError } from '../core/errors.ts'
import type { NewEvent } from '../core/event.ts'
import type { PublishContext, PublishMiddleware } from '../core/pipeline.ts'

/** Checks an event against its declaration and answers it as it is to be written. */
type Prepare = (event: NewEvent) => Promise<NewEvent>

/** What became of the events of one call: the parts of the event at `index` are those up to `ends[index]`. */
export interface Parts {
  readonly events: NewEvent[]
  readonly ends: number[]
}

/** Takes events through the middleware, one after the other, and checks what comes out of it. */
export async function runPipeline(
  middleware: readonly PublishMiddleware[],
  stream: string,
  events: readonly NewEvent[],
  prepare: Prepare,
): Promise<Parts> {
  const sealed = new WeakSet<NewEvent>()
  const context: PublishContext = {
    stream,
    seal: async (event, close) => {
      const closed = await close(await prepare(event))
      sealed.add(closed)
      return closed
    },
  }
  const parts: Parts = { events: [], ends: [] }
  for (const event of events) {
    for (const part of await runAll(middleware, event, context))
      parts.events.push(sealed.has(part) ? part : await prepare(part))
    parts.ends.push(parts.events.length)
  }
  return parts
}

async function runAll(
  middleware: readonly PublishMiddleware[],
  event: NewEvent,
  context: PublishContext,
): Promise<readonly NewEvent[]> {
  let events: readonly NewEvent[] = [event]
  for (const step of middleware) {
    const next: NewEvent[] = []
    for (const one of events) next.push(...toEvents(await step(one, context)))
    events = next.length > 1 ? distinct(next) : next
  }
  return events
}

function toEvents(answer: unknown): readonly NewEvent[] {
  if (answer === undefined) return []
  const events: readonly unknown[] = Array.isArray(answer) ? answer : [answer]
  for (const event of events) {
    if (typeof event === 'object' && event !== null && 'type' in event) continue
    const message = `a publish middleware answered ${event === null ? 'null' : typeof event} where an event was expected; it answers an event, an array of them, or undefined for none`
    throw new MillraceError('EVENT_INVALID', message)
  }
  return events as readonly NewEvent[]
}

/**
 * Parts of one event that carry its id or idempotency key would count as one event, and all but the first be lost: the
 * second gets `/2` behind it, and so on, which is the same each time the event is published.
 */
function distinct(events: readonly NewEvent[]): NewEvent[] {
  const [distinctId, distinctKey] = [distinctTexts(), distinctTexts()]
  return events.map((event) => {
    const [id, idempotencyKey] = [distinctId(event.id), distinctKey(event.idempotencyKey)]
    const same = id === event.id && idempotencyKey === event.idempotencyKey
    return same ? event : { ...event, id, idempotencyKey }
  })
}

function distinctTexts(): (text: string | undefined) => string | undefined {
  const counts = new Map<string, number>()
  return (text) => {
    if (text === undefined) return undefined
    let free = text
    let count = counts.get(text) ?? 0
    do free = ++count === 1 ? text : `${text}/${count}`
    while (counts.has(free) && free !== text)
    counts.set(text, count)
    if (free !== text) counts.set(free, 1)
    return free
  }
}

/** The results of the parts as one for each event of the call: its last position, or what went wrong. */
export function joinResults(
  ends: readonly number[],
  results: readonly (string | MillraceError)[],
): (string | MillraceError)[] {
  return ends.map((end, index) => {
    const own = results.slice(index === 0 ? 0 : ends[index - 1]!, end)
    const failures = own.filter((result) => typeof result !== 'string')
    if (failures.length === 0) return own.at(-1) ?? filtered()
    const [first] = failures as [MillraceError]
    if (own.length === 1) return first
    const message = `${failures.length} of the ${own.length} parts of the event were not published: ${first.message}`
    return new MillraceError(first.code, message, { cause: first })
  })
}

export const filtered = (): MillraceError =>
  new MillraceError('EVENT_FILTERED', 'a publish middleware took the event out; nothing was written')
