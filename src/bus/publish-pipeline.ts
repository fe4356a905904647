import { MillraceError } from '../core/errors.ts'
import type { NewEvent } from '../core/event.ts'
import type { PublishContext, PublishMiddleware } from '../core/pipeline.ts'

/** Checks an event against its declaration and answers it as it is to be written. */
type Prepare = (event: NewEvent) => NewEvent | Promise<NewEvent>

/** What became of the events of one call: the parts of the event at `index` are those up to `ends[index]`. */
export interface Parts {
  readonly events: NewEvent[]
  readonly ends: number[]
}

/**
 * Takes events through the middleware, one after the other, and checks what comes out of it. Where nothing on the way is
 * asynchronous, nothing is awaited: a turn of the event loop for each event of a batch would be dear.
 */
export function runPipeline(
  middleware: readonly PublishMiddleware[],
  stream: string,
  events: readonly NewEvent[],
  prepare: Prepare,
): Parts | Promise<Parts> {
  const pipeline = new Pipeline(middleware, stream, prepare)
  const parts: Parts = { events: [], ends: [] }
  for (const [index, event] of events.entries()) {
    const written = pipeline.run(event)
    if (written instanceof Promise) return runRest(pipeline, parts, written, events.slice(index + 1))
    add(parts, written)
  }
  return parts
}

async function runRest(
  pipeline: Pipeline,
  parts: Parts,
  first: ReturnType<Pipeline['run']>,
  rest: readonly NewEvent[],
): Promise<Parts> {
  add(parts, await first)
  for (const event of rest) add(parts, await pipeline.run(event))
  return parts
}

function add({ events, ends }: Parts, written: NewEvent | readonly NewEvent[]): void {
  if (isEvent(written)) events.push(written)
  else events.push(...written)
  ends.push(events.length)
}

class Pipeline {
  readonly #middleware: readonly PublishMiddleware[]
  readonly #prepare: Prepare
  readonly #context: PublishContext
  #sealed: WeakSet<NewEvent> | undefined

  constructor(middleware: readonly PublishMiddleware[], stream: string, prepare: Prepare) {
    this.#middleware = middleware
    this.#prepare = prepare
    this.#context = {
      stream,
      seal: async (event, close) => {
        const closed = await close(await prepare(event))
        this.#sealed ??= new WeakSet()
        this.#sealed.add(closed)
        return closed
      },
    }
  }

  /** What is written of an event: one, several, or none. */
  run(event: NewEvent): NewEvent | Promise<NewEvent | readonly NewEvent[]> {
    let one = event
    for (let index = 0; index < this.#middleware.length; index++) {
      const answer = this.#middleware[index]!(one, this.#context)
      if (!isEvent(answer)) return this.#runParts(index + 1, answer)
      one = answer
    }
    return this.#prepared(one)
  }

  /** From where on there is something to await, or there are several, or none. */
  async #runParts(from: number, answer: ReturnType<PublishMiddleware>): Promise<readonly NewEvent[]> {
    let events = partsOf(toEvents(await answer))
    for (const step of this.#middleware.slice(from)) {
      const next: NewEvent[] = []
      for (const one of events) next.push(...toEvents(await step(one, this.#context)))
      events = partsOf(next)
    }
    const prepared: NewEvent[] = []
    for (const one of events) prepared.push(await this.#prepared(one))
    return prepared
  }

  #prepared(event: NewEvent): NewEvent | Promise<NewEvent> {
    return this.#sealed?.has(event) ? event : this.#prepare(event)
  }
}

const partsOf = (events: readonly NewEvent[]): readonly NewEvent[] =>
  events.length > 1 ? distinct(events) : events

const isEvent = (answer: unknown): answer is NewEvent =>
  typeof answer === 'object' && answer !== null && 'type' in answer

function toEvents(answer: unknown): readonly NewEvent[] {
  if (answer === undefined) return []
  const events: readonly unknown[] = Array.isArray(answer) ? answer : [answer]
  for (const event of events) {
    if (isEvent(event)) continue
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
  // As most calls are: each event is one entry.
  if (ends.every((end, index) => end === index + 1)) return [...results]
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
