import { RETRY_CONSUMER } from './keys.ts'
import { FIELD, MINE, NOW } from './lua.ts'
import { Script } from './script.ts'

/*
 * How claims begin and end. KEYS and ARGV are those of all scripts of a group; see group-scripts.ts.
 */

/**
 * Writes down that entries start. ARGV[3…]: position and attempt in turn. Answers the positions that are not ours.
 */
export const beginScript = new Script<string[]>(`
local lost = {}
for i = 3, #ARGV, 2 do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2]) == 1 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'RETRYCOUNT', ARGV[i + 1], 'JUSTID')
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
`)

/** ARGV[3]: how many entries we hold; ARGV[4…]: positions, sorted. Answers the positions that were not ours. */
export const acknowledgeScript = new Script<string[]>(`
${MINE}
local ids = {}
for i = 4, #ARGV do ids[i - 3] = ARGV[i] end
local set = mine(ids)
local ours, lost = {}, {}
for _, id in ipairs(ids) do
  if set[id] then ours[#ours + 1] = id else lost[#lost + 1] = id end
end
for from = 1, #ours, 1000 do
  redis.call('XACK', KEYS[1], ARGV[1], unpack(ours, from, math.min(from + 999, #ours)))
end
return lost
`)

/**
 * Parks entries until their retry is due. ARGV[3…]: position, attempts and delay in ms, in turn.
 * Answers the positions that were not ours.
 */
export const parkScript = new Script<string[]>(`
${NOW}
local lost = {}
for i = 3, #ARGV, 3 do
  local id = ARGV[i]
  if #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2]) == 1 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], '${RETRY_CONSUMER}', 0, id, 'RETRYCOUNT', ARGV[i + 1], 'JUSTID')
    redis.call('ZADD', KEYS[3], now + tonumber(ARGV[i + 2]), id)
  else
    lost[#lost + 1] = id
  end
end
return lost
`)

/**
 * Copies entries to the dead letters, KEYS[5], and acknowledges them, in one step. The bytes of the fields are kept;
 * an entry of Millrace also says whence it came, so that the event keeps its identity.
 * ARGV[3]: the stream's name; ARGV[4…]: position, attempts, error, reason, time, in turn.
 * Answers the positions that were not ours.
 */
export const deadLetterScript = new Script<string[]>(
  `
${FIELD}
local kind = redis.call('TYPE', KEYS[5])['ok']
if kind ~= 'none' and kind ~= 'stream' then return redis.error_reply('WRONGTYPE the dead letters are a ' .. kind) end
local lost = {}
for i = 4, #ARGV, 5 do
  local id = ARGV[i]
  if #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2]) == 1 then
    local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
    local copy = entry and entry[2] or {}
    if field(copy, 'type') and field(copy, 'data') then
      if not field(copy, 'id') then copy[#copy + 1] = 'id' copy[#copy + 1] = id end
      if not field(copy, 'source') then copy[#copy + 1] = 'source' copy[#copy + 1] = ARGV[3] end
    end
    -- More arguments than Lua can pass on: kept as JSON in one field.
    if #copy > 6000 then copy = { 'deadletter-fields', cjson.encode(copy) } end
    for _, part in ipairs({
      'deadletter-stream', ARGV[3], 'deadletter-position', id, 'deadletter-group', ARGV[1],
      'deadletter-consumer', ARGV[2], 'deadletter-attempts', ARGV[i + 1], 'deadletter-error', ARGV[i + 2],
      'deadletter-reason', ARGV[i + 3], 'deadletter-time', ARGV[i + 4],
    }) do copy[#copy + 1] = part end
    redis.call('XADD', KEYS[5], '*', unpack(copy))
    redis.call('XACK', KEYS[1], ARGV[1], id)
  else
    lost[#lost + 1] = id
  end
end
return lost
`,
  { takesMemory: true },
)
