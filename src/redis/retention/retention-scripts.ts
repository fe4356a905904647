import { NEEDS, PENDING_OF, SCAN } from './retention-lua.ts'
import { COMPARE, FIELD, NOW } from '../lua.ts'
import { Script } from '../script.ts'

/*
 * The steps of retention. All but abandonScript take the KEYS and ARGV of NEEDS; a stream that is not there answers null.
 */

/** What one step removes at most, where whole nodes go and where entries must be looked at. */
const MOST = 2_000
const PAGE = 200
/** Freeing large entries takes its time as well: 100 KB about 20 µs. */
const MOST_BYTES = 8_000_000

export type TrimReply = [
  trimmed: number,
  more: 0 | 1,
  length: number,
  wanted: 0 | 1,
  floor: string,
  delivered: string,
]

/**
 * Trims from the front what all limits but the hard cap let go. Whole nodes first, which costs next to nothing, then
 * the rest of one by its positions.
 * Answers: how many went; 1 if there is more; the length; 1 if more would go if nobody needed it; floor; delivered.
 */
export const trimScript = new Script<TrimReply | null>(`
${NEEDS}${SCAN}
local function affordable(limit)
  local largest = 1
  for _, row in ipairs(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 4)) do
    local bytes = 0
    for _, part in ipairs(row[2]) do bytes = bytes + #part end
    largest = math.max(largest, bytes)
  end
  return math.max(1, math.min(limit, math.floor(${MOST_BYTES} / largest)))
end
local function trim(cut, limit)
  if cut == '0-0' then return 0, false end
  limit = affordable(limit)
  local gone = redis.call('XTRIM', KEYS[1], 'MINID', '~', cut, 'LIMIT', limit)
  if gone >= limit then return gone, true end
  local ids, all = scan('-', '(' .. cut, math.min(${PAGE}, limit - gone))
  if #ids > 0 then
    gone = gone + redis.call('XTRIM', KEYS[1], 'MINID', '=', all and cut or after(ids[#ids]))
  end
  return gone, not all
end
local gone, more = 0, false
if old then gone, more = trim(lower(floor, old), ${MOST}) end
local length = redis.call('XLEN', KEYS[1])
if most and length > most then
  local beyond, unfinished = trim(floor, math.min(${MOST}, length - most))
  gone, length = gone + beyond, length - beyond
  more = more or unfinished and length > most
end
local wanted = most and length > most or old and old ~= '0-0' and #scan('-', '(' .. old, 1) > 0
return { gone, more and 1 or 0, length, wanted and 1 or 0, floor, delivered }
`)

/** What limits trimming: the length, the position below which nobody needs anything, and below which all is old enough. */
export const limitsScript = new Script<[length: number, floor: string, old: string] | null>(`
${NEEDS}
return { redis.call('XLEN', KEYS[1]), floor, old or '' }
`)

/**
 * Deletes, below what every group was delivered, the entries that nobody holds: one that waits for days would keep all
 * that came after it. One page from ARGV[4] on, which is a position. Its highest deletion is recorded for the lag.
 * Answers: how many went, and where to go on (\`\` at the end).
 */
export const aroundScript = new Script<[trimmed: number, next: string] | null>(`
${NEEDS}${SCAN}${PENDING_OF}
local excess = most and redis.call('XLEN', KEYS[1]) - most or 0
local upper = excess > 0 and delivered or lower(delivered, old or '0-0')
local from = ARGV[4]
if not less(from, upper) then return { 0, '' } end
local ids, all = scan(from, '(' .. upper, ${PAGE})
if #ids == 0 then return { 0, '' } end
local kept = {}
for _, one in ipairs(needs) do
  if one.kind == 'group' and not less(ids[#ids], one.need) then
    for id in pairs(pendingOf(one.name, ids)) do kept[id] = true end
  end
end
local gone = {}
for _, id in ipairs(ids) do
  local aged = old and less(id, old)
  if not kept[id] and (aged or #gone < excess) then gone[#gone + 1] = id end
end
if #gone > 0 then
  redis.call('XDEL', KEYS[1], unpack(gone))
  local highest = redis.call('HGET', KEYS[3], 'around')
  if not highest or less(highest, gone[#gone]) then redis.call('HSET', KEYS[3], 'around', gone[#gone]) end
end
return { #gone, all and '' or after(ids[#ids]) }
`)

/**
 * Drops what is beyond the hard cap, ARGV[4], whoever needs it, and counts it for each.
 * Answers: how many went; 1 if there is more.
 */
export const capScript = new Script<[capped: number, more: 0 | 1] | null>(`
${NEEDS}${SCAN}${PENDING_OF}
local excess = redis.call('XLEN', KEYS[1]) - tonumber(ARGV[4])
if excess <= 0 then return { 0, 0 } end
local ids = scan('-', '+', math.min(excess, ${PAGE}))
local function count(what, one, number)
  if number == 0 then return end
  local kind = one.kind == 'hold' and 'hold ' or 'group '
  redis.call('HINCRBY', KEYS[3], what .. kind .. one.name, number)
end
for _, one in ipairs(needs) do
  local unread, pending = 0, 0
  for i = #ids, 1, -1 do
    if less(ids[i], one.from) then break end
    unread = unread + 1
  end
  if one.kind == 'group' and not less(ids[#ids], one.need) then
    for _ in pairs(pendingOf(one.name, ids)) do pending = pending + 1 end
  end
  count('unread ', one, unread)
  count('pending ', one, pending)
end
redis.call('XTRIM', KEYS[1], 'MINID', '=', after(ids[#ids]))
return { #ids, excess > #ids and 1 or 0 }
`)

/**
 * How the stream stands. Who blocks: whoever needs what should go by its age (ARGV[4]: ms after which that is worth a
 * word); beyond the length, whoever needs the oldest entry, and whoever is furthest behind. It remembers since when.
 * Answers: length; oldest position or \`\`; names of groups; rows of who blocks; what the hard cap dropped so far.
 */
export const accountScript = new Script<
  | [
      length: number,
      first: string,
      groups: string[],
      blockers: [kind: 'group' | 'declared' | 'hold', name: string, position: string, since: string][],
      dropped: string[],
    ]
  | null
>(`
${NEEDS}
local info = redis.call('XINFO', 'STREAM', KEYS[1])
local length, last = field(info, 'length'), field(info, 'last-generated-id')
local first = field(info, 'first-entry')
first = first and first[1] or ''
local over, patience = most and length > most, agedBy(tonumber(ARGV[4]))
local overdue = old and lower(old, patience)
local function blocks(one)
  if first == '' or less(last, one.need) then return false end
  if overdue and less(first, overdue) and less(one.need, overdue) then return true end
  return over and (not less(first, one.need) or not less(last, one.from) and one.from == delivered)
end
local record, blockers, blocking, groups, dropped = redis.call('HGETALL', KEYS[3]), {}, {}, {}, {}
local known = {}
for i = 1, #record, 2 do known[record[i]] = record[i + 1] end
for _, one in ipairs(needs) do
  if one.kind == 'group' then groups[#groups + 1] = one.name end
  if blocks(one) then
    local name = 'blocks ' .. one.kind .. ' ' .. one.name
    local since = known[name] or string.format('%.0f', now)
    if not known[name] then redis.call('HSET', KEYS[3], name, since) end
    blocking[name] = true
    blockers[#blockers + 1] = { one.kind, one.name, one.need, since }
  end
end
for name, value in pairs(known) do
  if string.find(name, '^blocks ') and not blocking[name] then redis.call('HDEL', KEYS[3], name) end
  if string.find(name, '^unread ') or string.find(name, '^pending ') then
    dropped[#dropped + 1] = name
    dropped[#dropped + 1] = value
  end
  local group = string.match(name, '^alive (.*)$')
  if group and not exists[group] then redis.call('HDEL', KEYS[3], name) end
end
return { length, first, groups, blockers, dropped }
`)

/** How many destroyed groups are remembered for a stream. */
const REMEMBERED = 100

/**
 * Whether a group is abandoned: it lags, and for ARGV[2] ms none of its consumers did anything nor sent a heartbeat. The
 * last sign of life is remembered, since consumers may be removed; that something was delivered, acknowledged or set is
 * one. Only a silence that was watched counts: after an outage that cut off everybody, whoever looks first must not take
 * the others for dead. Destroying is one step however much is pending, since half a group would be worse.
 * ARGV[3]: 1 to destroy the group then, with its companions.
 * KEYS: stream, record, expired groups, heartbeats, then all its other companions. ARGV[1]: group.
 * Answers null while it is not; else for how long it is silent, how much is pending, 1 if it was destroyed.
 */
export const abandonScript = new Script<[silentMs: number, pending: number, expired: 0 | 1] | null>(`
${NOW}${COMPARE}${FIELD}
if redis.call('TYPE', KEYS[1])['ok'] ~= 'stream' then return false end
local group
for _, row in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  if field(row, 'name') == ARGV[1] then group = row end
end
if not group then return false end
local pending, delivered = field(group, 'pending'), field(group, 'last-delivered-id')
local shape = delivered .. ':' .. pending
local known = redis.call('HGET', KEYS[2], 'alive ' .. ARGV[1]) or ''
local alive, checked, before = string.match(known, '^(%d+) (%d+) (.*)$')
alive, checked = tonumber(alive), tonumber(checked)
if before ~= shape or now - checked > tonumber(ARGV[2]) / 2 then alive = now end
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  alive = math.max(alive, now - field(consumer, 'idle'))
end
local beat = redis.call('ZRANGE', KEYS[4], -1, -1, 'WITHSCORES')[2]
if beat then alive = math.max(alive, tonumber(beat)) end
redis.call('HSET', KEYS[2], 'alive ' .. ARGV[1], string.format('%.0f %.0f %s', alive, now, shape))
local silent = now - alive
if silent < tonumber(ARGV[2]) then return false end
if pending == 0 then
  local unread = redis.call('XLEN', KEYS[1]) > 0
    and less(delivered, field(redis.call('XINFO', 'STREAM', KEYS[1]), 'last-generated-id'))
  if not unread then return false end
end
if ARGV[3] ~= '1' then return { silent, pending, 0 } end
redis.call('LPUSH', KEYS[3], cjson.encode({
  group = ARGV[1], at = now, silentMs = silent, pending = pending, lastDelivered = delivered,
}))
redis.call('LTRIM', KEYS[3], 0, ${REMEMBERED - 1})
redis.call('XGROUP', 'DESTROY', KEYS[1], ARGV[1])
redis.call('UNLINK', unpack(KEYS, 4))
redis.call('HDEL', KEYS[2], 'alive ' .. ARGV[1])
return { silent, pending, 1 }
`)
