import { InvalidError, type Issue } from '../core/errors.ts'

/** How a target is put under load. */
export interface LoadPlan {
  /** Measure so many requests. Exactly one of `count` and `durationMs`. */
  count?: number
  /** Begin requests for so long, in ms, after the warm-up. */
  durationMs?: number
  /** How many may be under way at once (1: one after the other). */
  concurrency: number
  /**
   * Requests begin by a schedule, so many a second (open loop). Without it each follows the answer of the one before
   * (closed loop), and a target that is slow is asked less.
   */
  ratePerSecond?: number
  /** The rate grows from 0, or the requests that are under way from 1, in so long, in ms (0). */
  rampUpMs?: number
  /** Requests of so long, in ms, are sent and not measured, from the start on (0). */
  warmUpMs?: number
}

/** More sockets than this are no load of one process. */
const MOST_CONCURRENT = 10_000
const HIGHEST_RATE = 1_000_000

/** @throws InvalidError `CONFIGURATION_INVALID` with every mistake */
export function checkPlan(plan: LoadPlan): void {
  const issues: Issue[] = []
  const { count, durationMs, concurrency, ratePerSecond, rampUpMs = 0, warmUpMs = 0 } = plan
  const require = (path: string, holds: boolean, message: string) => {
    if (!holds) issues.push({ path, message })
  }
  const whole = (value: number, least: number, most: number) =>
    Number.isInteger(value) && value >= least && value <= most
  if ((count === undefined) === (durationMs === undefined))
    issues.push({ path: '', message: 'give either a count or a duration' })
  require('count', count === undefined ||
    whole(count, 1, Number.MAX_SAFE_INTEGER), 'must be a whole number from 1 on')
  require('durationMs', durationMs === undefined ||
    (durationMs > 0 && Number.isFinite(durationMs)), 'must be longer than 0')
  require('concurrency', whole(
    concurrency,
    1,
    MOST_CONCURRENT,
  ), `must be a whole number from 1 to ${MOST_CONCURRENT}`)
  require('ratePerSecond', ratePerSecond === undefined ||
    (ratePerSecond > 0 && ratePerSecond <= HIGHEST_RATE), `must be above 0 and at most ${HIGHEST_RATE}`)
  require('rampUpMs', rampUpMs >= 0 && Number.isFinite(rampUpMs), 'must be 0 or longer')
  require('warmUpMs', warmUpMs >= 0 && Number.isFinite(warmUpMs), 'must be 0 or longer')
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'such a load can not be made', issues)
}
