import { vi } from 'vitest'
import type { Connection } from '../../src/redis/connection.ts'

const HOUR_MS = 3_600_000

/** What takes a minute or so in the worst run must not matter, so whatever waits does so for hours and a half. */
export const hours = (count: number): number => count * HOUR_MS

/**
 * Both logs look at `Date` and `performance` here, which stand still. Timers are real, so that sockets work.
 * Time passes by steps only: on the server by making everything that it holds a time for that much older.
 */
export const stopTime = (): void => void vi.useFakeTimers({ toFake: ['Date', 'performance'] })

export const startTime = (): void => void vi.useRealTimers()

/** Enough for everything that a consumer looks at once a second: see POLL_INTERVAL_MS. */
export const passSecond = (): void => void vi.advanceTimersByTime(1_000)

/** ARGV: what the keys begin with, ms. Makes due times and heartbeats older, and lets keys live less long. */
const AGE = `
local ms = tonumber(ARGV[2])
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
  if redis.call('TYPE', key)['ok'] == 'zset' then
    local rows = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    for n = 1, #rows, 2 do redis.call('ZADD', key, tonumber(rows[n + 1]) - ms, rows[n]) end
  end
  local left = redis.call('PTTL', key)
  if left > ms then redis.call('PEXPIRE', key, left - ms) elseif left >= 0 then redis.call('DEL', key) end
end
`

export async function passHours(count: number, server: Connection, prefix: string): Promise<void> {
  vi.advanceTimersByTime(hours(count))
  await server.send(['EVAL', AGE, '1', prefix, prefix, String(hours(count))])
}
