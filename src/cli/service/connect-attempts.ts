import { toError } from '../../core/errors.ts'
import { pause } from '../../core/pause.ts'
import type { Log } from '../../core/service.ts'

export interface ConnectPolicy {
  attempts: number
  /** Delay n follows failure n; the last one repeats. */
  delaysMs: readonly number[]
  /** From when on somebody should look, though there may be attempts left, in ms (60000). */
  warnAfterMs?: number
}

const WARN_AFTER_MS = 60_000

/** What another attempt can't mend: the server is there and is the wrong one. */
const HOPELESS: ReadonlySet<unknown> = new Set(['REDIS_UNSUITABLE', 'CONFIGURATION_INVALID'])

/**
 * Connects for the first time, as often as the policy says. After that connections mend themselves.
 *
 * @throws the last failure, at once
 */
export async function connectWithAttempts<T>(
  connect: () => Promise<T>,
  policy: ConnectPolicy,
  log: Log,
  signal: AbortSignal,
): Promise<T> {
  // By a timer, since a single attempt or pause may take longer than that.
  const warning = warnWhileFailing(policy.warnAfterMs ?? WARN_AFTER_MS, log)
  try {
    return await attempt(connect, policy, log, signal)
  } finally {
    clearInterval(warning)
  }
}

async function attempt<T>(
  connect: () => Promise<T>,
  policy: ConnectPolicy,
  log: Log,
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    log.info({ attempt, maxRetries: policy.attempts }, `Connection attempt ${attempt}/${policy.attempts}`)
    try {
      return await connect()
    } catch (error) {
      log.error({ attempt, error }, `Connection attempt ${attempt} failed: ${toError(error).message}`)
      if (attempt >= policy.attempts || signal.aborted || HOPELESS.has((error as { code?: unknown }).code))
        throw error
    }
    await pause(policy.delaysMs[Math.min(attempt, policy.delaysMs.length) - 1] ?? 0, signal)
    signal.throwIfAborted()
  }
}

function warnWhileFailing(afterMs: number, log: Log): NodeJS.Timeout {
  const since = performance.now()
  return setInterval(() => {
    const seconds = Math.round((performance.now() - since) / 1_000)
    log.warn({ seconds }, `No connection for ${seconds} seconds`)
  }, afterMs)
}
