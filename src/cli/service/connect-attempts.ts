import { toError } from '../../core/errors.ts'
import { pause } from '../../core/pause.ts'
import type { Log } from '../../core/service.ts'

export interface ConnectPolicy {
  attempts: number
  /** Delay n follows failure n; the last one repeats. */
  delaysMs: readonly number[]
}

/** From here on somebody should look, though there may be attempts left. */
const WARN_AFTER_MS = 60_000

/** What another attempt can't mend: the server is there and is the wrong one. */
const HOPELESS: ReadonlySet<unknown> = new Set(['REDIS_UNSUITABLE', 'CONFIGURATION_INVALID'])

/**
 * Connects for the first time, as often as the policy says. After that connections mend themselves.
 *
 * @throws the last failure
 */
export async function connectWithAttempts<T>(
  connect: () => Promise<T>,
  policy: ConnectPolicy,
  log: Log,
  signal: AbortSignal,
): Promise<T> {
  const since = Date.now()
  for (let attempt = 1; ; attempt++) {
    log.info({ attempt, maxRetries: policy.attempts }, `Connection attempt ${attempt}/${policy.attempts}`)
    try {
      return await connect()
    } catch (error) {
      log.error({ attempt, error }, `Connection attempt ${attempt} failed: ${toError(error).message}`)
      if (attempt >= policy.attempts || signal.aborted || HOPELESS.has((error as { code?: unknown }).code))
        throw error
    }
    const seconds = Math.round((Date.now() - since) / 1_000)
    if (seconds * 1_000 >= WARN_AFTER_MS) log.warn({ seconds }, `No connection for ${seconds} seconds`)
    await pause(policy.delaysMs[Math.min(attempt, policy.delaysMs.length) - 1] ?? 0, signal)
    signal.throwIfAborted()
  }
}
