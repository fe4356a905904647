import { GroupScript } from './group-script.ts'
import { RETRY_CONSUMER } from '../keys.ts'
import { COMPARE, ENTOMB, FIELD, NOW, WRITTEN_ANEW } from '../lua.ts'

/*
 * How members come, live and go. For KEYS and the first of ARGV see GroupScript.
 */

/**
 * Creates the group where it is missing, and its stream, though never an inlet. A group that was there before begins
 * again where everything below was acknowledged, or at 0 when the stream has been written anew since; what waited for
 * its retry beside it goes, and a pause stays. Where it first began is kept: the server forgets it (see explain).
 * ARGV[5]: where a new group begins, `0`, `$` or a position. Answers 1 when it created one.
 */
export const ensureGroupScript = new GroupScript<0 | 1>(`
${COMPARE}${FIELD}${WRITTEN_ANEW}
local kind = redis.call('TYPE', KEYS[1])['ok']
if kind ~= 'none' and kind ~= 'stream' then return redis.error_reply('WRONGTYPE the key holds a ' .. kind) end
local info = { 'last-generated-id', '0-0', 'entries-added', 0 }
if kind == 'stream' then
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    if field(group, 'name') == ARGV[1] then return 0 end
  end
  info = redis.call('XINFO', 'STREAM', KEYS[1])
end
local low = redis.call('HGET', KEYS[2], 'low')
local anew = low and writtenAnew(info, KEYS[2])
local start = low and (anew and '0-0' or low) or ARGV[5]
redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], start, 'MKSTREAM')
redis.call('DEL', KEYS[3], KEYS[4])
local from = start == '$' and field(info, 'last-generated-id') or start == '0' and '0-0' or start
redis.call('HSET', KEYS[2], 'low', from, 'added', field(info, 'entries-added') or 0)
if anew or not low then redis.call('HSET', KEYS[2], 'start', from) end
return 1
`)

/**
 * Says that the consumer lives, and records the low-water mark: the position at or below which everything is
 * acknowledged. ARGV[5…]: the positions held. Answers what is held no more, and what is pending to the consumer though
 * it did not name it.
 */
export const heartbeatScript = new GroupScript<[lost: string[], unknown: string[]]>(`
${NOW}${FIELD}
redis.call('ZADD', KEYS[4], now, ARGV[2])
local held, lost, unknown = {}, {}, {}
for i = 5, #ARGV do held[ARGV[i]] = true end
for _, row in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', #ARGV + 100, ARGV[2])) do
  if held[row[1]] then held[row[1]] = nil else unknown[#unknown + 1] = row[1] end
end
for id in pairs(held) do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2]) == 0 then lost[#lost + 1] = id end
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
local added = field(redis.call('XINFO', 'STREAM', KEYS[1]), 'entries-added') or 0
redis.call('HSET', KEYS[2], 'low', low, 'added', added)
return { lost, unknown }
`)

/**
 * Says that the consumer works on entries, so that other software does not take them. ARGV[5…]: positions. Answers what
 * was trimmed: a claim drops what is not in the stream any more. What runs here and was trimmed from the start of the
 * stream may still be acknowledged, so it is left alone.
 */
export const resetIdleScript = new GroupScript<string[]>(`
${COMPARE}${ENTOMB}
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local ids, starts = {}, {}
for i = 5, #ARGV do
  local id = ARGV[i]
  local row = first and redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2])[1]
  if row and not less(id, first[1]) then
    ids[#ids + 1] = id
    starts[id] = row[4]
  end
end
if #ids == 0 then return trimmed end
ids[#ids + 1] = 'JUSTID'
for _, id in ipairs(redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, unpack(ids))) do starts[id] = nil end
for id, count in pairs(starts) do entomb(id, count) end
return trimmed
`)

/**
 * Hands back what is still pending to the consumer, though it knows nothing of it any more, and removes it when that is
 * all. Nothing of it was started, but in an exclusive group, where it was lost with the lease: there its start counts.
 * ARGV[5]: how many entries to hand back in this call; ARGV[6]: 1 in an exclusive group. Answers how many it did, and
 * what was trimmed.
 */
export const leaveScript = new GroupScript<[count: number, trimmed: string[]]>(`
${NOW}${ENTOMB}
local rows = redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', ARGV[5], ARGV[2])
for _, row in ipairs(rows) do
  local starts = ARGV[6] == '1' and row[4] or math.max(0, row[4] - 1)
  local args = { row[1], 'RETRYCOUNT', starts, 'JUSTID' }
  if #redis.call('XCLAIM', KEYS[1], ARGV[1], '${RETRY_CONSUMER}', 0, unpack(args)) == 1 then
    redis.call('ZADD', KEYS[3], now, row[1])
  else
    entomb(row[1], starts)
  end
end
if #rows == 0 then
  redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
  redis.call('ZREM', KEYS[4], ARGV[2])
end
return { #rows, trimmed }
`)

/**
 * Looks at consumers of ours that are silent, and removes those that hold nothing: removing drops what is pending.
 * ARGV[5]: ms without a heartbeat after which a consumer is dead; ARGV[6]: how many to look at.
 * Answers the names of those that hold something, and 1 when there may be more.
 */
export const janitorScript = new GroupScript<[holding: string[], more: 0 | 1]>(`
${NOW}
local silent = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now - tonumber(ARGV[5]), 'LIMIT', 0, ARGV[6])
local holding = {}
for _, name in ipairs(silent) do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, name) > 0 then
    if name ~= ARGV[2] then holding[#holding + 1] = name end
  else
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], name)
    redis.call('ZREM', KEYS[4], name)
  end
end
return { holding, #silent == tonumber(ARGV[6]) and 1 or 0 }
`)

/**
 * Consumers of other software, which send no heartbeats, that hold entries.
 * ARGV[5]: how many of all consumers to skip; ARGV[6]: how many to look at. Answers names, and 1 when there are more.
 */
export const strangersScript = new GroupScript<[names: string[], more: 0 | 1]>(`
local consumers = redis.call('XPENDING', KEYS[1], ARGV[1])[4] or {}
local from, count, names = tonumber(ARGV[5]), tonumber(ARGV[6]), {}
for n = from + 1, math.min(from + count, #consumers) do
  local name = consumers[n][1]
  if name ~= ARGV[2] and name ~= '${RETRY_CONSUMER}' and not redis.call('ZSCORE', KEYS[4], name) then
    names[#names + 1] = name
  end
end
return { names, #consumers > from + count and 1 or 0 }
`)
