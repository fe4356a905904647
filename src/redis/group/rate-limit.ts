import { InvalidError, type Issue } from '../../core/errors.ts'
import type { RateLimit } from '../../core/stream-log.ts'
import type { Connection } from '../connection.ts'
import { rateKey } from '../keys.ts'
import { Script } from '../script.ts'

/** Into how many parts the window is cut: what was handed out in a part counts until the window after its end is over. */
const PARTS = 32

const PART = `
local t = redis.call('TIME')
local micros = t[1] * 1000000 + t[2]
local width = tonumber(ARGV[1]) * 1000 / ${PARTS}
local part = math.floor(micros / width)
`

/**
 * KEYS: rate. ARGV: the window in ms, how many it may have, how many are wanted.
 * Answers how many are granted, in which part, and the ms until there can be more.
 * A count of what was handed out in the last window, and no bucket that fills up: after a bucket was full, twice as
 * many could leave it within one window. A clock that went back leaves parts ahead of it, which count as well, or are
 * dropped where they are too far to be true.
 */
const takeScript = new Script<[granted: number, part: string, waitMs: number]>(`
${PART}
local used, oldest = 0, part
local rows = redis.call('HGETALL', KEYS[1])
for n = 1, #rows, 2 do
  local at, count = tonumber(rows[n]), tonumber(rows[n + 1])
  if math.abs(at - part) > ${PARTS} or count <= 0 then
    redis.call('HDEL', KEYS[1], rows[n])
  else
    used = used + count
    oldest = math.min(oldest, at)
  end
end
local granted = math.max(0, math.min(tonumber(ARGV[3]), tonumber(ARGV[2]) - used))
local name = string.format('%.0f', part)
if granted > 0 then
  redis.call('HINCRBY', KEYS[1], name, granted)
  redis.call('PEXPIRE', KEYS[1], math.ceil(tonumber(ARGV[1]) * 2) + 1000)
end
local wait = math.ceil(((oldest + ${PARTS} + 1) * width - micros) / 1000)
return { granted, name, granted > 0 and 0 or math.max(1, wait) }
`)

/** KEYS: rate. ARGV: part, how many. */
const giveBackScript = new Script<number>(`
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
return redis.call('HINCRBY', KEYS[1], ARGV[1], -tonumber(ARGV[2]))
`)

export interface Grant {
  readonly count: number
  /** Until there can be more, where there is none. */
  readonly waitMs: number
  /** Says how many of them were not needed. */
  giveBack(count: number): Promise<void>
}

/**
 * The rate at which a group is handed entries, over all its members, by the clock of the server. All members must be
 * told the same limit: those with another window count for themselves.
 */
export class RateLimiter {
  readonly #connection: Connection
  readonly #limit: RateLimit
  readonly #key: string

  constructor(connection: Connection, stream: string, group: string, limit: RateLimit) {
    this.#connection = connection
    this.#limit = limit
    this.#key = rateKey(stream, group, limit.perMs)
  }

  async take(wanted: number): Promise<Grant> {
    const { count, perMs } = this.#limit
    const args = [String(perMs), String(count), String(wanted)]
    const [granted, part, waitMs] = await takeScript.run(this.#connection, [this.#key], args)
    const giveBack = async (unused: number) => {
      if (unused > 0) await giveBackScript.run(this.#connection, [this.#key], [part, String(unused)])
    }
    return { count: granted, waitMs, giveBack }
  }
}

/** @throws InvalidError `CONFIGURATION_INVALID` with every number that makes no sense */
export function checkRateLimit({ count, perMs }: RateLimit): void {
  const issues: Issue[] = []
  if (!Number.isSafeInteger(count) || count < 1)
    issues.push({ path: 'rateLimit.count', message: `must be a whole number from 1 on, not ${count}` })
  if (!Number.isSafeInteger(perMs) || perMs < 1)
    issues.push({ path: 'rateLimit.perMs', message: `must be whole milliseconds from 1 on, not ${perMs}` })
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'the rate limit is impossible', issues)
}
