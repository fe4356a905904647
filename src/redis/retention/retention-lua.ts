import { HELD_FROM } from './holds.ts'
import { COMPARE, FIELD, NOW, WRITTEN_ANEW } from '../lua.ts'

/* Pieces of Lua that trimming and counting share. */

/**
 * `after(id)`: the position that follows it, digit by digit since Lua's numbers end at 2^53. The largest one has none,
 * and stands for itself.
 */
export const AFTER = `
local LARGEST = '18446744073709551615'
local function bump(digits)
  local head, nines = string.match(digits, '^(%d-)(9*)$')
  local zeros = string.rep('0', #nines)
  if head == '' then return '1' .. zeros end
  return string.sub(head, 1, -2) .. string.char(string.byte(head, -1) + 1) .. zeros
end
local function after(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  if seq ~= LARGEST then return ms .. '-' .. bump(seq) end
  return ms == LARGEST and id or bump(ms) .. '-0'
end
`

/**
 * `scan(from, to, limit)`: the positions there are in a range, at most so many, and whether that is all. Redis has no
 * way to ask for positions alone, so it grows what it asks for and ends early where the entries are large.
 */
export const SCAN = `
local function scan(from, to, limit)
  local ids, bytes, size = {}, 0, 1
  while #ids < limit and bytes < 262144 do
    local count = math.min(size, limit - #ids)
    local rows = redis.call('XRANGE', KEYS[1], from, to, 'COUNT', count)
    for _, row in ipairs(rows) do
      ids[#ids + 1] = row[1]
      for _, part in ipairs(row[2]) do bytes = bytes + #part end
    end
    if #rows < count then return ids, true end
    from, size = '(' .. ids[#ids], size * 2
  end
  return ids, false
end
`

/**
 * `pendingOf(group, ids)`: which of these sorted positions are pending in a group, as a set. One range, or one look-up
 * each where much is pending between them that is not there any more.
 */
export const PENDING_OF = `
local function pendingOf(group, ids)
  local set, limit = {}, #ids + 64
  local rows = redis.call('XPENDING', KEYS[1], group, ids[1], ids[#ids], limit)
  for _, row in ipairs(rows) do set[row[1]] = true end
  if #rows < limit then return set end
  for _, id in ipairs(ids) do
    if not set[id] and #redis.call('XPENDING', KEYS[1], group, id, id, 1) == 1 then set[id] = true end
  end
  return set
end
`

/** How many arguments and keys come before those of the declared groups. */
export const FIXED_ARGS = 4
export const FIXED_KEYS = 3

/**
 * Who needs what. KEYS: stream, holds, record (see retention.ts), then the state of each declared group. ARGV: the most
 * that is kept, the age in ms from which on entries may go or the position below which they may, the same for a stream that has groups (each \`\` for none),
 * one of the script's own; then name and start of each declared group.
 *
 * \`needs\`: rows of kind, name, \`need\` (the lowest position needed) and \`from\` (the lowest position not delivered).
 * \`floor\` and \`delivered\` are the lowest of each; \`old\`: entries below may go by their age.
 */
export const NEEDS = `
${NOW}${COMPARE}${FIELD}${WRITTEN_ANEW}${AFTER}${HELD_FROM}
local kind = redis.call('TYPE', KEYS[1])['ok']
if kind == 'none' then return false end
if kind ~= 'stream' then return redis.error_reply('WRONGTYPE the key holds a ' .. kind) end
redis.call('HLEN', KEYS[3])
local needs, exists, grouped = {}, {}, false
local floor = LARGEST .. '-' .. LARGEST
local delivered = floor
local function lower(a, b) if less(b, a) then return b end return a end
local function needed(kind, name, need, from)
  needs[#needs + 1] = { kind = kind, name = name, need = need, from = from }
  floor, delivered = lower(floor, need), lower(delivered, from)
end
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local name, from = field(group, 'name'), after(field(group, 'last-delivered-id'))
  local oldest = field(group, 'pending') > 0 and redis.call('XPENDING', KEYS[1], name, '-', '+', 1)[1]
  exists[name], grouped = true, true
  needed('group', name, oldest and lower(from, oldest[1]) or from, from)
end
-- A group that is gone begins again at its low-water mark, or at 0 when the stream was written anew.
local function startOf(state, start)
  local low = redis.call('HGET', state, 'low')
  if not low then return start ~= '$' and (start == '0' and '0-0' or start) or nil end
  return writtenAnew(redis.call('XINFO', 'STREAM', KEYS[1]), state) and '0-0' or low
end
for i = 1, #KEYS - ${FIXED_KEYS} do
  local name, start = ARGV[${FIXED_ARGS} + 2 * i - 1], ARGV[${FIXED_ARGS} + 2 * i]
  start = not exists[name] and startOf(KEYS[${FIXED_KEYS} + i], start)
  if start then needed('declared', name, after(start), after(start)) end
end
local holds, expired = redis.call('HGETALL', KEYS[2]), {}
for i = 1, #holds, 2 do
  local from = heldFrom(holds[i + 1], now)
  if from then needed('hold', holds[i], from, from) else expired[#expired + 1] = holds[i] end
end
for _, name in ipairs(expired) do redis.call('HDEL', KEYS[2], name) end
local most, old = tonumber(ARGV[1]), nil
local function agedBy(ms)
  return ms and string.format('%.0f-0', math.max(0, now - ms))
end
old = string.find(ARGV[2], '-', 1, true) and ARGV[2] or agedBy(tonumber(ARGV[2]))
local done = grouped and agedBy(tonumber(ARGV[3]))
if done and not (old and less(done, old)) then old = done end
`
