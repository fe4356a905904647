import { RETRY_CONSUMER } from '../keys.ts'
import { FIELD, NOW } from '../lua.ts'
import { recordFrom } from '../operations/action-record.ts'
import { livesBy } from '../operations/live.ts'
import type { Refusal } from '../operations/refusal.ts'
import { HAS_GROUP, WRONG_TYPE } from '../replay/replay-lua.ts'
import { Script } from '../script.ts'

export type PendingRow = [position: string, consumer: string, idleMs: number, deliveries: number, due: string]

/**
 * One page of what is pending. Redis's own IDLE looks at everything until enough is found, so what is too young is left
 * out here, of a page whose size is known. KEYS: stream, retry, heartbeats, inlet. ARGV: group, from where on, how many at
 * most, how many to look at, consumer or ``, least idle time.
 * Answers rows, where to go on (`` at the end), and 1 when there is an inlet.
 */
export const pendingScript = new Script<
  Refusal | 'unknown-consumer' | [rows: PendingRow[], next: string, inlet: 0 | 1]
>(
  `
${NOW}${FIELD}${WRONG_TYPE}${HAS_GROUP}${livesBy('KEYS[3]', '0')}
local wrong = wrong_type(KEYS[1], 'stream') or wrong_type(KEYS[2], 'zset') or wrong_type(KEYS[3], 'zset')
if wrong then return wrong end
if redis.call('EXISTS', KEYS[1]) == 0 then return 'unknown-stream' end
if not has_group(KEYS[1], ARGV[1]) then return 'unknown-group' end
local most, scan, consumer, idle = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local call = { 'XPENDING', KEYS[1], ARGV[1], ARGV[2], '+', scan }
if consumer ~= '' then call[#call + 1] = consumer end
local rows, found, next = redis.call(unpack(call)), {}, ''
if #rows == 0 and ARGV[2] == '-' and consumer ~= '' and consumer ~= '${RETRY_CONSUMER}' and not known(consumer) then
  return 'unknown-consumer'
end
if #rows == scan then next = rows[scan][1] end
for n, row in ipairs(rows) do
  if row[3] >= idle then
    row[5] = row[2] == '${RETRY_CONSUMER}' and redis.call('ZSCORE', KEYS[2], row[1]) or ''
    found[#found + 1] = row
    if #found == most then
      if n < #rows then next = row[1] end
      break
    end
  end
end
return { found, next, redis.call('EXISTS', KEYS[4]) }
`,
  { onlyReads: true },
)

/** KEYS: stream. Answers the server's clock, which is that of the heartbeats. */
export const clockScript = new Script<number>(
  `
${NOW}
return now
`,
  { onlyReads: true },
)

/**
 * Removes a consumer that holds nothing. KEYS: stream, heartbeats, actions, inlet, heartbeats of the inlet. ARGV: group,
 * consumer, ms after which other software counts as dead, 1 to change nothing, then the record.
 * Answers 1 when it was there, 0 when it was not, or why it stays: it lives, or how much it holds at least.
 */
export const removeScript = new Script<Refusal | 'live' | 'holds' | 0 | 1>(`
${NOW}${FIELD}${WRONG_TYPE}${HAS_GROUP}${recordFrom(5)}${livesBy('KEYS[2]', 'ARGV[3]')}
local wrong = wrong_type(KEYS[1], 'stream') or wrong_type(KEYS[2], 'zset') or wrong_type(KEYS[3], 'stream')
  or wrong_type(KEYS[4], 'stream') or wrong_type(KEYS[5], 'zset')
if wrong then return wrong end
if redis.call('EXISTS', KEYS[1]) == 0 then return 'unknown-stream' end
if not has_group(KEYS[1], ARGV[1]) then return 'unknown-group' end
local name, inlet = ARGV[2], has_group(KEYS[4], ARGV[1])
local function holds(key) return #redis.call('XPENDING', key, ARGV[1], '-', '+', 1, name) > 0 end
if not known(name) then return 0 end
if lives(name) then return 'live' end
if holds(KEYS[1]) or inlet and holds(KEYS[4]) then return 'holds' end
if ARGV[4] == '1' then return 1 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], name)
redis.call('ZREM', KEYS[2], name)
if inlet then redis.call('XGROUP', 'DELCONSUMER', KEYS[4], ARGV[1], name) end
redis.call('ZREM', KEYS[5], name)
record(KEYS[3], 'remove-consumer', { 'group', ARGV[1], 'count', 1, 'consumer', name })
return 1
`)
