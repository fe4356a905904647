import { AsyncLocalStorage } from 'node:async_hooks'

/** The attribute of an event (an extension of CloudEvents) that carries the id of what it came of. */
export const CORRELATION_ID = 'correlationid'

const current = new AsyncLocalStorage<string>()

/** Runs work for a request or an event: every line of a log that it writes, and every event that it publishes, has the id. */
export const correlated = <T>(correlationId: string, work: () => T): T => current.run(correlationId, work)

/** The id of the request or the event that is worked on here. */
export const correlationId = (): string | undefined => current.getStore()
