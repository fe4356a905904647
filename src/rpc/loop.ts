import { backoffMs } from '../core/backoff.ts'
import { toError } from '../core/errors.ts'
import { pause } from '../core/pause.ts'
import type { Log } from '../core/service.ts'

const FIRST_PAUSE_MS = 20
const MAX_PAUSE_MS = 250
/** Of failures in a row, one in so many is told. */
const FAILURES_PER_LINE = 30

/** Does something again and again until it is told to stop; after a failure, following a pause. Never rejects. */
export async function loop(
  work: () => Promise<void>,
  signal: AbortSignal,
  onFailure: { log: Log; what: string; stream: string },
): Promise<void> {
  let failures = 0
  while (!signal.aborted) {
    try {
      await work()
      failures = 0
    } catch (error) {
      if (signal.aborted) return
      const { log, what, stream } = onFailure
      if (failures++ % FAILURES_PER_LINE === 0)
        log.warn({ error, stream }, `${what} failed, trying on: ${toError(error).message}`)
      await pause(backoffMs(FIRST_PAUSE_MS, failures, MAX_PAUSE_MS), signal)
    }
  }
}
