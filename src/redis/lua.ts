import { COPY_FIELDS } from './keys.ts'

/* Pieces of Lua that scripts share. */

/**
 * Idempotency keys, which stand in KEYS from some index on, each holding an id and the digest of what was written.
 * `wrongKey(from)`: the error to answer where one holds something else than that; `knownAs(value, digest)`: the id, or
 * `!` when the key was used for other content.
 */
export const IDEMPOTENCY = `
local function wrongKey(from)
  for k = from, #KEYS do
    local kind = redis.call('TYPE', KEYS[k])['ok']
    if kind ~= 'none' and kind ~= 'string' then
      return redis.error_reply('WRONGTYPE the idempotency key holds a ' .. kind)
    end
  end
end
local function knownAs(value, digest)
  local split = string.find(value, ' ', 1, true)
  return string.sub(value, split + 1) == digest and string.sub(value, 1, split - 1) or '!'
end
`

/** `now`: the server's clock in ms. */
export const NOW = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
`

/** Compares positions as pairs of numbers: as decimal text, the longer is the larger; Lua's numbers end at 2^53. */
export const COMPARE = `
local function less(a, b)
  local am, as = string.match(a, '^(%d+)-(%d+)$')
  local bm, bs = string.match(b, '^(%d+)-(%d+)$')
  if #am ~= #bm then return #am < #bm end
  if am ~= bm then return am < bm end
  if #as ~= #bs then return #as < #bs end
  return as < bs
end
`

/** `field` of a flat reply such as that of XINFO. */
export const FIELD = `
local function field(flat, name)
  for i = 1, #flat, 2 do if flat[i] == name then return flat[i + 1] end end
end
`

/**
 * `writtenAnew(info, state)`: whether a stream, by its XINFO, is another one than that of which a group's state tells. Its
 * positions may come again, so its last one says too little: it also has fewer entries ever added than it had.
 */
export const WRITTEN_ANEW = `
local function writtenAnew(info, state)
  local known = redis.call('HMGET', state, 'low', 'added')
  return less(field(info, 'last-generated-id'), known[1] or '0-0')
    or (field(info, 'entries-added') or 0) < (tonumber(known[2]) or 0)
end
`

/** `holds(id)`: whether an entry is pending to ARGV[2]. */
export const HOLDS = `
local function holds(id) return #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2]) == 1 end
`

/**
 * `mine(ids)`: which of the sorted ids are pending to ARGV[2], as a set. One range where they are most of what is
 * held (ARGV[5]: how many that is), else one look-up each. `divide(ids, set)`: those in the set, and the others.
 */
export const MINE = `
${HOLDS}
local function mine(ids)
  local set, held = {}, tonumber(ARGV[5])
  if #ids * 4 >= held then
    local limit = math.max(held, #ids) + 64
    local rows = redis.call('XPENDING', KEYS[1], ARGV[1], ids[1], ids[#ids], limit, ARGV[2])
    for _, row in ipairs(rows) do set[row[1]] = true end
    if #rows < limit then return set end
  end
  for _, id in ipairs(ids) do
    if not set[id] and holds(id) then set[id] = true end
  end
  return set
end
local function divide(ids, set)
  local inside, outside = {}, {}
  for _, id in ipairs(ids) do
    if set[id] then inside[#inside + 1] = id else outside[#outside + 1] = id end
  end
  return inside, outside
end
`

/**
 * How entries end, in a stream that others read too. `finish(ids)` lets go of them for good; `original(id, fields)` is
 * where an entry stands that may be a copy, without what says so; `tidy()` is for what is left when nothing is.
 */
export const STREAM_ENDINGS = `
local function finish(ids)
  for from = 1, #ids, 1000 do
    redis.call('XACK', KEYS[1], ARGV[1], unpack(ids, from, math.min(from + 999, #ids)))
  end
end
local function original(id, fields) return id end
local function tidy() end
`

/** `finish(ids)` where nobody else reads the entries: what is settled is deleted. */
const DELETING_FINISH = `
local function finish(ids)
  for from = 1, #ids, 1000 do
    local to = math.min(from + 999, #ids)
    redis.call('XACK', KEYS[1], ARGV[1], unpack(ids, from, to))
    redis.call('XDEL', KEYS[1], unpack(ids, from, to))
  end
end
`

/** The same in a stream of requests: what is left in it is what is not answered. */
export const REQUEST_ENDINGS = `
${DELETING_FINISH}
local function original(id, fields) return id end
local function tidy() end
`

/**
 * The same in an inlet: the empty one is deleted as well, with its companions. Not within the millisecond of its last
 * entry: a writer could get the position of that entry once more.
 */
export const INLET_ENDINGS = `
${DELETING_FINISH}
local function original(id, fields)
  local count = #fields
  if fields[count - 3] ~= '${COPY_FIELDS.position}' or fields[count - 1] ~= '${COPY_FIELDS.cause}' then return id end
  local position = fields[count - 2]
  for n = count, count - 3, -1 do fields[n] = nil end
  return position
end
local function tidy()
  if redis.call('XLEN', KEYS[1]) > 0 or redis.call('XPENDING', KEYS[1], ARGV[1])[1] > 0 then return end
  local info, t = redis.call('XINFO', 'STREAM', KEYS[1]), redis.call('TIME')
  for n = 1, #info, 2 do
    if info[n] == 'last-generated-id' then
      local ms = tonumber(string.match(info[n + 1], '^%d+'))
      if t[1] * 1000 + math.floor(t[2] / 1000) > ms then redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4]) end
    end
  end
end
`

/** What is gone has no group either: the first write of a script must not bring its companions back. */
export const INLET_GUARD = `
if redis.call('EXISTS', KEYS[1]) == 0 then return redis.error_reply('NOGROUP the inlet is gone') end
`

/** Of an exclusive group only the holder of the lease, the last of KEYS, is handed entries. */
export const LEASE_GUARD = `
if redis.call('GET', KEYS[#KEYS]) ~= ARGV[2] then
  return redis.error_reply('NOLEASE another member of the group holds its lease')
end
`

/** `letter(copy, id, attempts, error, reason)`: writes a dead letter with the fields of `copy`. */
export const LETTER = `
local function letter(copy, id, attempts, error, reason)
  for _, part in ipairs({
    'deadletter-stream', ARGV[3], 'deadletter-position', id, 'deadletter-group', ARGV[1],
    'deadletter-consumer', ARGV[2], 'deadletter-attempts', attempts, 'deadletter-error', error,
    'deadletter-reason', reason, 'deadletter-time', ARGV[4],
  }) do copy[#copy + 1] = part end
  redis.call('XADD', KEYS[5], '*', unpack(copy))
end
`

/**
 * `entomb(id, attempts)`: an entry that is pending and was trimmed away can never run. It is acknowledged and counted,
 * and a dead letter without fields is its tombstone; `trimmed` collects them. A key of another type in the place of the
 * dead letters costs the tombstone and must not hold up the group.
 */
export const ENTOMB = `
${LETTER}
local trimmed = {}
local function entomb(id, attempts)
  redis.call('ZREM', KEYS[3], id)
  redis.call('XACK', KEYS[1], ARGV[1], id)
  redis.call('HINCRBY', KEYS[2], 'trimmed', 1)
  trimmed[#trimmed + 1] = id
  local kind = redis.call('TYPE', KEYS[5])['ok']
  if kind ~= 'none' and kind ~= 'stream' then return end
  letter({}, id, attempts, 'ENTRY_TRIMMED', 'the entry was trimmed from its stream while it was pending')
end
`
