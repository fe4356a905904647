import { RETRY_CONSUMER } from './keys.ts'
import { COMPARE, FIELD, NOW } from './lua.ts'
import { Script } from './script.ts'

/*
 * Every script here takes KEYS: stream, state, retry, heartbeats (see GroupKeys), and ARGV: group, consumer, then its
 * own. All of them check ownership on the server: a consumer that was paused for longer than its heartbeat may find
 * that its entries went to another, and must then change nothing.
 */

/**
 * Creates the group where it is missing, and its stream. A group that was there before begins again where everything
 * below was acknowledged, or at 0 when the stream has been written anew since; what it left beside the stream goes.
 * ARGV[3]: where a new group begins, \`0\`, \`$\` or a position. Answers 1 when it created one.
 */
export const ensureGroupScript = new Script<0 | 1>(`
${COMPARE}${FIELD}
local kind = redis.call('TYPE', KEYS[1])['ok']
if kind ~= 'none' and kind ~= 'stream' then return redis.error_reply('WRONGTYPE the key holds a ' .. kind) end
local last = '0-0'
if kind == 'stream' then
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    if field(group, 'name') == ARGV[1] then return 0 end
  end
  last = field(redis.call('XINFO', 'STREAM', KEYS[1]), 'last-generated-id')
end
local low = redis.call('HGET', KEYS[2], 'low')
local start = ARGV[3]
if low then start = less(last, low) and '0-0' or low end
redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], start, 'MKSTREAM')
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4])
redis.call('HSET', KEYS[2], 'low', start == '$' and last or start == '0' and '0-0' or start)
return 1
`)

/**
 * Says that the consumer lives, and takes retries that are due.
 * ARGV[3]: how many at most; ARGV[4]: ms without a heartbeat after which a consumer counts as dead.
 * Answers: ms until the next retry (-1 for none); how many consumers are dead; rows of position, attempts, fields.
 */
export const pollScript = new Script<[number, number, TakenRow[]]>(`
${NOW}
redis.call('ZADD', KEYS[4], now, ARGV[2])
local taken = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, ARGV[3])) do
  local parked = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, '${RETRY_CONSUMER}')[1]
  if parked then
    local claimed = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'RETRYCOUNT', parked[4])[1]
    if claimed then taken[#taken + 1] = { id, parked[4], claimed[2] } end
  end
  redis.call('ZREM', KEYS[3], id)
end
local next = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')
local wait = next[2] and math.max(0, tonumber(next[2]) - now) or -1
return { wait, redis.call('ZCOUNT', KEYS[4], '-inf', now - tonumber(ARGV[4])), taken }
`)

/**
 * Makes due what waits for its retry without a time, which it has lost: the sorted set was deleted.
 * ARGV[3]: from which position on; ARGV[4]: how many to look at. Answers where to go on (\`\` at the end).
 */
export const sweepScript = new Script<string>(`
${NOW}
local rows = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], '+', ARGV[4], '${RETRY_CONSUMER}')
for _, row in ipairs(rows) do redis.call('ZADD', KEYS[3], 'NX', now, row[1]) end
return #rows == tonumber(ARGV[4]) and '(' .. rows[#rows][1] or ''
`)

export type TakenRow = [position: string, attempts: number, fields: string[]]

/**
 * The group's other consumers that hold entries or send heartbeats, also those of which only the heartbeat is left:
 * Redis knows a consumer from its first read on.
 * Answers rows of name, how many it holds, and ms since its heartbeat (-1: no consumer of ours).
 */
export const surveyScript = new Script<[name: string, pending: number, silentMs: number][]>(`
${NOW}${FIELD}
local silent = {}
local beats = redis.call('ZRANGE', KEYS[4], 0, -1, 'WITHSCORES')
for i = 1, #beats, 2 do silent[beats[i]] = now - tonumber(beats[i + 1]) end
local rows = {}
if redis.call('EXISTS', KEYS[1]) == 0 then return redis.error_reply('NOGROUP the stream is gone') end
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local name, pending = field(consumer, 'name'), field(consumer, 'pending')
  if name ~= ARGV[2] and name ~= '${RETRY_CONSUMER}' and (pending > 0 or silent[name]) then
    rows[#rows + 1] = { name, pending, silent[name] or -1 }
  end
  silent[name] = nil
end
silent[ARGV[2]] = nil
for name, ms in pairs(silent) do rows[#rows + 1] = { name, 0, ms } end
return rows
`)

/**
 * Takes entries over from another consumer.
 * ARGV[3]: from whom; ARGV[4]: its entries must have been idle for so many ms; ARGV[5]: from which position on;
 * ARGV[6]: how many to take at most; ARGV[7]: how many to look at. A consumer of ours that came back to life since
 * keeps its entries: ARGV[8] is how long it must have been silent, -1 for a consumer of other software.
 * Answers: where to go on (\`\` at the end); the longest idle time left behind; rows of position, attempts, fields.
 */
export const takeOverScript = new Script<[next: string, idleMs: number, TakenRow[]]>(`
${NOW}
local silent = tonumber(ARGV[8])
if silent >= 0 then
  local beat = redis.call('ZSCORE', KEYS[4], ARGV[3])
  if beat and now - tonumber(beat) < silent then return { '', 0, {} } end
end
local scan, idle, left = tonumber(ARGV[7]), tonumber(ARGV[4]), 0
local rows = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[5], '+', scan, ARGV[3])
local taken = {}
for n, row in ipairs(rows) do
  if #taken == tonumber(ARGV[6]) then return { row[1], left, taken } end
  if row[3] >= idle then
    local claimed = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, row[1], 'RETRYCOUNT', row[4])[1]
    if claimed then taken[#taken + 1] = { row[1], row[4], claimed[2] } end
  else
    left = math.max(left, row[3])
  end
end
return { #rows == scan and '(' .. rows[#rows][1] or '', left, taken }
`)

/**
 * Takes entries that are pending to the consumer already, which it did not get to know: their reply was lost.
 * ARGV[3…]: positions. Answers rows of position, attempts, fields.
 */
export const adoptScript = new Script<TakenRow[]>(`
local taken = {}
for i = 3, #ARGV do
  local row = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])[1]
  local claimed = row and redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'RETRYCOUNT', row[4])[1]
  if claimed then taken[#taken + 1] = { ARGV[i], row[4], claimed[2] } end
end
return taken
`)

/**
 * Says that the consumer lives and works on what it holds, and records the low-water mark: the position at or below
 * which everything is acknowledged.
 * ARGV[3]: 1 to reset the idle times too; ARGV[4…]: the positions held. Answers what is held no more, and what is
 * pending to the consumer though it did not name it.
 */
export const heartbeatScript = new Script<[lost: string[], unknown: string[]]>(`
${NOW}${FIELD}
redis.call('ZADD', KEYS[4], now, ARGV[2])
local held, lost, unknown, ours = {}, {}, {}, {}
for i = 4, #ARGV do held[ARGV[i]] = true end
for _, row in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', #ARGV + 100, ARGV[2])) do
  if held[row[1]] then
    held[row[1]] = nil
    ours[#ours + 1] = row[1]
  else
    unknown[#unknown + 1] = row[1]
  end
end
for id in pairs(held) do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2]) == 0 then lost[#lost + 1] = id end
end
if ARGV[3] == '1' then
  for from = 1, #ours, 500 do
    local last = math.min(from + 499, #ours)
    local args = { unpack(ours, from, last) }
    args[#args + 1] = 'JUSTID'
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, unpack(args))
  end
end
local low = redis.call('XPENDING', KEYS[1], ARGV[1])[2]
if low then
  -- Lua's numbers round what has more than 15 digits, perhaps upwards; what is lower by more than that is safe.
  local ms, seq = string.match(low, '^(%d+)-(%d+)$')
  if #seq > 15 then
    low = ms .. '-0'
  elseif seq ~= '0' then
    low = string.format('%s-%.0f', ms, tonumber(seq) - 1)
  else
    low = string.format('%.0f-18446744073709551615', tonumber(ms) - (#ms > 15 and 4096 or 1))
  end
else
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    if field(group, 'name') == ARGV[1] then low = field(group, 'last-delivered-id') end
  end
end
redis.call('HSET', KEYS[2], 'low', low)
return { lost, unknown }
`)

/**
 * Hands back what the consumer still holds, to be claimed at once, and removes it when it holds nothing more.
 * ARGV[3]: how many entries to hand back in this call. Answers how many it did.
 */
export const leaveScript = new Script<number>(`
${NOW}
local rows = redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', ARGV[3], ARGV[2])
for _, row in ipairs(rows) do
  local starts = math.max(0, row[4] - 1)
  redis.call('XCLAIM', KEYS[1], ARGV[1], '${RETRY_CONSUMER}', 0, row[1], 'RETRYCOUNT', starts, 'JUSTID')
  redis.call('ZADD', KEYS[3], now, row[1])
end
if #rows == 0 then
  redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
  redis.call('ZREM', KEYS[4], ARGV[2])
end
return #rows
`)

/** Removes consumer ARGV[3] if it is silent for ARGV[4] ms and holds nothing: removing drops what is pending. */
export const removeConsumerScript = new Script<0 | 1>(`
${NOW}
local beat = redis.call('ZSCORE', KEYS[4], ARGV[3])
if not beat or now - tonumber(beat) < tonumber(ARGV[4]) then return 0 end
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[3]) > 0 then return 0 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[3])
redis.call('ZREM', KEYS[4], ARGV[3])
return 1
`)
