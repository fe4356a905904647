import { AsyncLocalStorage } from 'node:async_hooks'
import type { Event } from './event.ts'

/** The attribute of an event (an extension of CloudEvents) that carries the id of what it came of. */
export const CORRELATION_ID = 'correlationid'

/** What stands in every line and travels far must be short, and harmless wherever it is shown. */
const HARMLESS = /^[\w.:/+=@-]{1,128}$/

export const isCorrelationId = (text: string | undefined): text is string =>
  text !== undefined && HARMLESS.test(text)

interface Correlation {
  readonly id: string
  /** Sockets and timers that were opened meanwhile outlive the work, and what they say later is not about it. */
  ended: boolean
}

const current = new AsyncLocalStorage<Correlation>()
/** How much work is under way. While there is none, no promise of the process pays for the storage (Node.js before 24). */
let underWay = 0

/**
 * Runs work for a request or an event: until it ends, every line of a log that it writes, and every event that it
 * publishes, has the id.
 */
export function correlated<T>(correlationId: string, work: () => T): T {
  const correlation = { id: correlationId, ended: false }
  const end = () => {
    correlation.ended = true
    if (--underWay === 0) current.disable()
  }
  underWay++
  let isAsync = false
  try {
    const result = current.run(correlation, work)
    if (result instanceof Promise) {
      isAsync = true
      result.then(end, end)
    }
    return result
  } finally {
    if (!isAsync) end()
  }
}

/** The id of the request or the event that is worked on here. */
export function correlationId(): string | undefined {
  const correlation = current.getStore()
  return correlation?.ended === false ? correlation.id : undefined
}

/** The id of what an event came of; its own where it came of nothing that is known. */
export function correlationOf({ headers, id }: Pick<Event, 'headers' | 'id'>): string {
  const given = headers[CORRELATION_ID]
  return isCorrelationId(given) ? given : id
}
