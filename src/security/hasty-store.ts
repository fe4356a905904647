import { answerWithin } from '../core/answer-within.ts'
import { toError } from '../core/errors.ts'
import type { Log } from '../core/service.ts'

/** What sends one command to Redis, as connections do. */
export interface CommandSender {
  send<T = unknown>(args: readonly string[]): Promise<T>
}

/** How long nobody waits after one did in vain, in ms. */
const AWAY_MS = 1_000

/** The form in which rate-limiter-flexible runs its script. */
export interface ScriptStore {
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
}

/**
 * Runs scripts on a Redis that may be away or hang: a call fails soon, and after that all fail at once until one tries
 * again, a second later. So neither requests nor commands pile up.
 */
export function hastyStore(redis: CommandSender, patienceMs: number, log: Log): ScriptStore {
  let away = false
  let tryAt = 0
  const fail = (error: unknown) => {
    if (!away)
      log.warn({ error }, 'Clients are counted by this instance alone: Redis does not answer at once')
    away = true
    tryAt = performance.now() + AWAY_MS
  }
  return {
    async eval(script, { keys, arguments: args }) {
      const now = performance.now()
      if (now < tryAt) throw new Error('Redis did not answer at once a moment ago')
      // While it is away, this call tries for all others.
      if (away) tryAt = now + AWAY_MS
      try {
        const answer = await answerWithin(
          redis.send(['EVAL', script, String(keys.length), ...keys, ...args]),
          patienceMs,
        )
        if (away) log.info({}, 'Clients are counted by all instances together again')
        away = false
        tryAt = 0
        return answer
      } catch (error) {
        fail(toError(error))
        throw error
      }
    },
  }
}
