import { toError } from '../../core/errors.ts'
import { pause } from '../../core/pause.ts'
import type { Log } from '../../core/service.ts'

/** Pause before a step is tried again that a server was not there for, in ms. */
const PAUSE_MS = 500

const OUTAGES: ReadonlySet<unknown> = new Set([
  'DATABASE_UNAVAILABLE',
  'REDIS_UNAVAILABLE',
  'REDIS_UNCERTAIN',
])

/**
 * Makes a step of the start that may be made again, until no outage is in its way: after the first connection none of
 * them ends the process.
 *
 * @throws whatever is no outage, and the outage once `signal` is aborted
 */
export async function outlast<T>(step: () => Promise<T>, log: Log, signal: AbortSignal): Promise<T> {
  for (let failures = 0; ; failures++) {
    try {
      return await step()
    } catch (error) {
      if (signal.aborted || !OUTAGES.has((error as { code?: unknown }).code)) throw error
      const line = `The start waits for a server: ${toError(error).message}`
      if (failures === 0) log.warn({ error }, line)
      else log.debug({ error }, line)
    }
    await pause(PAUSE_MS, signal)
  }
}
