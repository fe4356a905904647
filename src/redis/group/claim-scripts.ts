import { GroupScript } from './group-script.ts'
import { RETRY_CONSUMER } from '../keys.ts'
import { ENTOMB, FIELD, NOW } from '../lua.ts'

/*
 * How entries are handed out. For KEYS and the first of ARGV see GroupScript. An entry that was trimmed while it was
 * pending is told apart: there is nothing to hand out.
 */

export type TakenRow = [position: string, starts: number, fields: string[]]

/**
 * Says that the consumer lives, and takes retries that are due, unless the group is paused. KEYS[6]: the inlet beside the
 * stream. ARGV[5]: how many at most; ARGV[6]: ms without a heartbeat after which a consumer counts as dead.
 * Answers: ms until the next retry (-1 for none); how many consumers are dead; 1 when paused; 1 when there is an inlet;
 * rows of position, starts, fields; what was trimmed.
 */
export const pollScript = new GroupScript<
  [wait: number, silent: number, paused: 0 | 1, inlet: 0 | 1, TakenRow[], trimmed: string[]]
>(
  `
${NOW}${ENTOMB}
redis.call('ZADD', KEYS[4], now, ARGV[2])
local paused = redis.call('HEXISTS', KEYS[2], 'paused')
local taken, due = {}, {}
if paused == 0 then due = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, ARGV[5]) end
for _, id in ipairs(due) do
  local parked = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, '${RETRY_CONSUMER}')[1]
  redis.call('ZREM', KEYS[3], id)
  if parked then
    local claimed = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'RETRYCOUNT', parked[4])[1]
    if claimed then taken[#taken + 1] = { id, parked[4], claimed[2] } else entomb(id, parked[4]) end
  end
end
local next = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')
local wait = next[2] and math.max(0, math.ceil(tonumber(next[2]) - now)) or -1
local silent = redis.call('ZCOUNT', KEYS[4], '-inf', now - tonumber(ARGV[6]))
tidy()
return { wait, silent, paused, redis.call('EXISTS', KEYS[6]), taken, trimmed }
`,
  { leased: true, ends: true },
)

/**
 * Makes due what waits for its retry without a time, which it has lost: the sorted set was deleted.
 * ARGV[5]: from which position on; ARGV[6]: how many to look at.
 * Answers where to go on (empty at the end), and how many had lost it.
 */
export const sweepScript = new GroupScript<[next: string, found: number]>(`
${NOW}
local rows = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[5], '+', ARGV[6], '${RETRY_CONSUMER}')
local found = 0
for from = 1, #rows, 500 do
  local args = {}
  for n = from, math.min(from + 499, #rows) do args[#args + 1] = now args[#args + 1] = rows[n][1] end
  found = found + redis.call('ZADD', KEYS[3], 'NX', unpack(args))
end
return { #rows == tonumber(ARGV[6]) and '(' .. rows[#rows][1] or '', found }
`)

/**
 * Takes entries over from another consumer.
 * ARGV[5]: from whom; ARGV[6]: its entries must have been idle for so many ms; ARGV[7]: from which position on;
 * ARGV[8]: how many to take at most; ARGV[9]: how many to look at. A consumer of ours that came back to life since
 * keeps its entries: ARGV[10] is how long it must have been silent, -1 for a consumer of other software.
 * Answers: where to go on (empty at the end); the longest idle time left behind; rows of position, starts, fields;
 * what was trimmed.
 */
export const takeOverScript = new GroupScript<
  [next: string, idleMs: number, taken: TakenRow[], trimmed: string[]]
>(
  `
${NOW}${ENTOMB}
local silent = tonumber(ARGV[10])
if silent >= 0 then
  local beat = redis.call('ZSCORE', KEYS[4], ARGV[5])
  if beat and now - tonumber(beat) < silent then return { '', 0, {}, {} } end
end
local scan, idle, left = tonumber(ARGV[9]), tonumber(ARGV[6]), 0
local rows = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[7], '+', scan, ARGV[5])
local taken = {}
for n, row in ipairs(rows) do
  if #taken == tonumber(ARGV[8]) then return { row[1], left, taken, trimmed } end
  if row[3] >= idle then
    local claimed = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, row[1], 'RETRYCOUNT', row[4])[1]
    if claimed then taken[#taken + 1] = { row[1], row[4], claimed[2] } else entomb(row[1], row[4]) end
  else
    left = math.max(left, row[3])
  end
end
return { #rows == scan and '(' .. rows[#rows][1] or '', left, taken, trimmed }
`,
  { leased: true },
)

/**
 * Takes entries that are pending to the consumer already, which it did not get to know: their reply was lost.
 * ARGV[5…]: positions. Answers rows of position, starts, fields; what was trimmed.
 */
export const adoptScript = new GroupScript<[taken: TakenRow[], trimmed: string[]]>(
  `
${ENTOMB}
local taken = {}
for i = 5, #ARGV do
  local row = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])[1]
  if row then
    local claimed = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'RETRYCOUNT', row[4])[1]
    if claimed then taken[#taken + 1] = { ARGV[i], row[4], claimed[2] } else entomb(ARGV[i], row[4]) end
  end
end
return { taken, trimmed }
`,
  { leased: true },
)

/**
 * Reads new entries without waiting. ARGV[5]: how many. Answers entries, and after which position the next one lies.
 */
export const readScript = new GroupScript<[entries: [position: string, fields: string[]][], after: string]>(
  `
${FIELD}
local args = { 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[5], 'STREAMS', KEYS[1], '>' }
local reply = redis.call('XREADGROUP', unpack(args))
if reply then return { reply[1][2], '' } end
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  if field(group, 'name') == ARGV[1] then return { {}, field(group, 'last-delivered-id') } end
end
`,
  { leased: true },
)

/**
 * One page of everything that is pending in the group, in the order of positions, for the new holder of its lease:
 * whoever had an entry, the holder has it now, except for what waits for its retry, which is only told.
 * ARGV[5]: from which position on; ARGV[6]: how many. Answers: where to go on (empty at the end); rows of position,
 * starts, fields, 1 when it waits; what was trimmed; 1 when the group is paused, and nothing was done.
 */
export const recoverScript = new GroupScript<
  [next: string, rows: [...TakenRow, parked: 0 | 1][], trimmed: string[], paused: 0 | 1]
>(
  `
${ENTOMB}
if redis.call('HEXISTS', KEYS[2], 'paused') == 1 then return { ARGV[5], {}, {}, 1 } end
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[5], '+', ARGV[6])
local rows = {}
for _, row in ipairs(pending) do
  local id, starts = row[1], row[4]
  if row[2] == '${RETRY_CONSUMER}' then
    local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
    if entry then rows[#rows + 1] = { id, starts, entry[2], 1 } else entomb(id, starts) end
  else
    local claimed = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'RETRYCOUNT', starts)[1]
    if claimed then rows[#rows + 1] = { id, starts, claimed[2], 0 } else entomb(id, starts) end
  end
end
return { #pending == tonumber(ARGV[6]) and '(' .. pending[#pending][1] or '', rows, trimmed, 0 }
`,
  { leased: true },
)
