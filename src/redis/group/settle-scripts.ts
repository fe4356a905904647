import { GroupScript } from './group-script.ts'
import { RETRY_CONSUMER, SEEN } from '../keys.ts'
import { ENTOMB, FIELD, HOLDS, LETTER, MINE, NOW } from '../lua.ts'

/*
 * How claims begin and end. For KEYS and the first of ARGV see GroupScript.
 */

/** `parked(id)`: whether an entry waits for its retry. */
const PARKED = `
local function parked(id)
  return #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, '${RETRY_CONSUMER}') == 1
end
`

/**
 * Writes down that entries start. ARGV[5…]: position and attempt in turn. Answers the positions that are not ours. One
 * that went to others, who began a later attempt, and came back since is another claim: begun as the old one, its
 * attempts would be counted backwards. What was trimmed meanwhile may run, since we have it; a claim would only drop it.
 */
export const beginScript = new GroupScript<string[]>(
  `
local lost = {}
for i = 5, #ARGV, 2 do
  local id = ARGV[i]
  local row = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2])[1]
  if not row or row[4] > tonumber(ARGV[i + 1]) then
    lost[#lost + 1] = id
  elseif #redis.call('XRANGE', KEYS[1], id, id) == 1 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'RETRYCOUNT', ARGV[i + 1], 'JUSTID')
  end
end
return lost
`,
  { leased: true },
)

/** ARGV[5]: how many entries we hold; ARGV[6…]: positions, sorted. Answers the positions that were not ours. */
export const acknowledgeScript = new GroupScript<string[]>(
  `
${MINE}
local ids = {}
for i = 6, #ARGV do ids[i - 5] = ARGV[i] end
local ours, lost = divide(ids, mine(ids))
finish(ours)
tidy()
return lost
`,
  { leased: true, ends: true },
)

/**
 * Acknowledges entries and remembers their identities, each in KEYS from 6 on, where the reservation is that of the
 * entry. ARGV[5]: how many entries we hold; ARGV[6]: what stands before a position in a reservation; ARGV[7…]:
 * positions, sorted. Answers the positions that were not ours.
 */
export const acknowledgeOnceScript = new GroupScript<string[]>(
  `
${MINE}
local ids = {}
for i = 7, #ARGV do ids[i - 6] = ARGV[i] end
local set = mine(ids)
for n, id in ipairs(ids) do
  local seen = KEYS[5 + n]
  if set[id] and redis.call('GET', seen) == ARGV[6] .. id then redis.call('SET', seen, '${SEEN}', 'KEEPTTL') end
end
local ours, lost = divide(ids, set)
finish(ours)
tidy()
return lost
`,
  { leased: true, ends: true },
)

/**
 * Writes what entries produce and acknowledges them, each entry in one step. KEYS from 6 on: first the streams that
 * are written, then identities. ARGV[5]: what stands before a position in a reservation; ARGV[6]: how many streams;
 * ARGV[7…], per entry: position, the index in KEYS of its identity (0 for none), how many entries it produces, and for
 * each of those the index of its stream, how many arguments follow, and names and values in turn.
 * Answers the positions that were not ours.
 * Everything that could make a write fail is looked at before the first one, since nothing is rolled back.
 */
export const produceScript = new GroupScript<string[]>(
  `
${HOLDS}${FIELD}
for k = 6, 5 + tonumber(ARGV[6]) do
  local kind = redis.call('TYPE', KEYS[k])['ok']
  if kind ~= 'none' and kind ~= 'stream' then
    return redis.error_reply('WRONGTYPE the stream ' .. KEYS[k] .. ' that is produced to is a ' .. kind)
  end
  local last = kind == 'stream' and field(redis.call('XINFO', 'STREAM', KEYS[k]), 'last-generated-id') or '0-0'
  if string.match(last, '^%d+') == '18446744073709551615' then
    return redis.error_reply('ERR the stream ' .. KEYS[k] .. ' can take no entry: its last position is the largest')
  end
end
local lost, at = {}, 7
while at <= #ARGV do
  local id, seen, count = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local ours = holds(id)
  at = at + 3
  for n = 1, count do
    local size = tonumber(ARGV[at + 1])
    if ours then redis.call('XADD', KEYS[tonumber(ARGV[at])], '*', unpack(ARGV, at + 2, at + 1 + size)) end
    at = at + 2 + size
  end
  if ours then
    if seen > 0 and redis.call('GET', KEYS[seen]) == ARGV[5] .. id then
      redis.call('SET', KEYS[seen], '${SEEN}', 'KEEPTTL')
    end
    finish({ id })
  else
    lost[#lost + 1] = id
  end
end
tidy()
return lost
`,
  { leased: true, ends: true, takesMemory: true },
)

/**
 * Writes the replies to requests and lets go of these, each in one step. KEYS from 6 on: the reply streams of requesters,
 * then others. ARGV[5]: how many entries we hold; ARGV[6]: how long a stream may be; ARGV[7]: how many of KEYS are of
 * requesters; ARGV[8…], per reply, sorted by position: position, its stream counted from the first of these, how many
 * arguments follow, and names and values in turn.
 * Answers the positions that were not ours, and how many replies were for nobody: to a requester that is gone there is
 * no stream, and to what is no stream, or a full one, no reply can ever be written. A memory that is full is seen with the
 * first write, so nothing was written then.
 */
export const replyScript = new GroupScript<[lost: string[], dropped: number]>(
  `
${MINE}
local function write(at)
  local key, count = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  if key <= tonumber(ARGV[7]) then
    return redis.pcall('XADD', KEYS[5 + key], 'NOMKSTREAM', 'MAXLEN', '~', ARGV[6], '*', unpack(ARGV, at + 3, at + 2 + count))
  end
  return redis.pcall('XADD', KEYS[5 + key], 'MAXLEN', '~', ARGV[6], '*', unpack(ARGV, at + 3, at + 2 + count))
end
local ids, rows, at = {}, {}, 8
while at <= #ARGV do
  ids[#ids + 1], rows[#rows + 1] = ARGV[at], at
  at = at + 3 + tonumber(ARGV[at + 2])
end
local set, dropped = mine(ids), 0
for n, id in ipairs(ids) do
  local written = not set[id] or write(rows[n])
  if type(written) == 'table' and string.find(written['err'] or '', 'OOM', 1, true) then return written end
  if not written or type(written) == 'table' and written['err'] then dropped = dropped + 1 end
end
local ours, lost = divide(ids, set)
finish(ours)
tidy()
return { lost, dropped }
`,
  { leased: true, ends: true, takesMemory: true },
)

/**
 * Parks entries until their retry is due. ARGV[5…]: position, attempts, delay in ms and the most starts that the claim
 * in question can have had, in turn. With more it was claimed anew since, by ourselves: this call comes late.
 * Answers the positions that were not ours, and what was trimmed. What is due at one moment comes in the order given:
 * each is due a fraction of a millisecond before the next, and none later than asked.
 */
export const parkScript = new GroupScript<[lost: string[], trimmed: string[]]>(
  `
${NOW}${ENTOMB}
local lost = {}
for i = 5, #ARGV, 4 do
  local id = ARGV[i]
  local row = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2])[1]
  if not row or row[4] > tonumber(ARGV[i + 3]) then
    lost[#lost + 1] = id
  else
    local args = { id, 'RETRYCOUNT', ARGV[i + 1], 'JUSTID' }
    if #redis.call('XCLAIM', KEYS[1], ARGV[1], '${RETRY_CONSUMER}', 0, unpack(args)) == 1 then
      redis.call('ZADD', KEYS[3], now + tonumber(ARGV[i + 2]) - 0.5 * (1 - i / #ARGV), id)
    else
      entomb(id, ARGV[i + 1])
    end
  end
end
tidy()
return { lost, trimmed }
`,
  { leased: true, ends: true },
)

/** Makes due what waits for its retry, and leaves alone what does not. ARGV[5…]: positions. */
export const expediteScript = new GroupScript<number>(`
${NOW}${PARKED}
local count = 0
for i = 5, #ARGV do
  if parked(ARGV[i]) then
    redis.call('ZADD', KEYS[3], 'LT', now, ARGV[i])
    count = count + 1
  end
end
return count
`)

/** ARGV[5…]: positions. Answers those that wait for their retry. */
export const waitingScript = new GroupScript<string[]>(`
${PARKED}
local waiting = {}
for i = 5, #ARGV do if parked(ARGV[i]) then waiting[#waiting + 1] = ARGV[i] end end
return waiting
`)

/**
 * Copies entries to the dead letters and acknowledges them, in one step. The bytes of the fields are kept; an entry of
 * Millrace also says whence it came, so that the event keeps its identity. KEYS from 6 on: identities, which are free
 * again. ARGV[5]: what stands before a position in a reservation; ARGV[6…]: position, attempts, error, reason, the
 * index in KEYS of the identity (0 for none), in turn.
 * Answers the positions that were not ours.
 */
export const deadLetterScript = new GroupScript<string[]>(
  `
${FIELD}${HOLDS}${LETTER}
local kind = redis.call('TYPE', KEYS[5])['ok']
if kind ~= 'none' and kind ~= 'stream' then return redis.error_reply('WRONGTYPE the dead letters are a ' .. kind) end
local lost = {}
for i = 6, #ARGV, 5 do
  local id = ARGV[i]
  if holds(id) then
    local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
    local copy = entry and entry[2] or {}
    local position = original(id, copy)
    if field(copy, 'type') and field(copy, 'data') then
      if not field(copy, 'id') then copy[#copy + 1] = 'id' copy[#copy + 1] = position end
      if not field(copy, 'source') then copy[#copy + 1] = 'source' copy[#copy + 1] = ARGV[3] end
    end
    -- More arguments than Lua can pass on: kept as JSON in one field.
    if #copy > 6000 then copy = { 'deadletter-fields', cjson.encode(copy) } end
    letter(copy, position, ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
    local seen = KEYS[tonumber(ARGV[i + 4])]
    if seen and redis.call('GET', seen) == ARGV[5] .. id then redis.call('DEL', seen) end
    finish({ id })
  else
    lost[#lost + 1] = id
  end
end
tidy()
return lost
`,
  { leased: true, ends: true, takesMemory: true },
)
