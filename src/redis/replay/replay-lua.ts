import { COPY_FIELDS } from '../keys.ts'

/* Pieces of Lua for scripts that walk over streams and copy entries. */

/** `wrong_type(key, wanted)`: an error reply where the key holds something else. To be asked before the first write. */
export const WRONG_TYPE = `
local function wrong_type(key, wanted)
  local kind = redis.call('TYPE', key)['ok']
  if kind ~= 'none' and kind ~= wanted then
    return redis.error_reply('WRONGTYPE the key ' .. key .. ' holds a ' .. kind .. ', not a ' .. wanted)
  end
end
`

/** `has_group(stream, group)` of streams that may not exist; needs FIELD. */
export const HAS_GROUP = `
local function has_group(stream, group)
  if redis.call('EXISTS', stream) == 0 then return false end
  for _, row in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    if field(row, 'name') == group then return true end
  end
  return false
end
`

/**
 * `walk(command, from, to, most, visit)` shows up to `most` entries of KEYS[1] to `visit`, which ends the walk by
 * answering true. It also ends at about 1 MB, where each name and value counts for something of its own, since other
 * clients wait meanwhile; pages grow while entries are small. Answers the last entry shown (`` when the end was reached)
 * and how many were.
 */
export const WALK = `
local function walk(command, from, to, most, visit)
  local shown, size, most_of_page = 0, 0, 1
  while shown < most and size < 1000000 do
    local count, before = math.min(most_of_page, most - shown), size
    local page = redis.call(command, KEYS[1], from, to, 'COUNT', count)
    for _, entry in ipairs(page) do
      shown = shown + 1
      for _, part in ipairs(entry[2]) do size = size + #part + 64 end
      from = '(' .. entry[1]
      if visit(entry) then return entry[1], shown end
    end
    if #page < count then return '', shown end
    most_of_page = size - before < 10000 * count and math.min(most_of_page * 2, 32) or 1
  end
  return string.sub(from, 2), shown
end
`

/** More arguments than Lua can pass on, with room for what a copy adds. */
export const MAX_COPY_PARTS = 7_900

/**
 * `identify(fields, stream, position)` appends to an event of Millrace what said its position until now: its id, its
 * source and its time. The entries of others are left as they are.
 */
export const IDENTIFY = `
local function iso_time(position)
  local ms = tonumber(string.match(position, '^(%d+)-%d+$'))
  if not ms or ms > 253402300799999 then return end
  local floor = math.floor
  local seconds = floor(ms / 1000)
  local days, rest = floor(seconds / 86400), seconds % 86400
  -- Days to a date of the Gregorian calendar, in years that begin in March and in eras of 400 years.
  local z = days + 719468
  local era = floor(z / 146097)
  local doe = z - era * 146097
  local yoe = floor((doe - floor(doe / 1460) + floor(doe / 36524) - floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + floor(yoe / 4) - floor(yoe / 100))
  local mp = floor((5 * doy + 2) / 153)
  local month = mp < 10 and mp + 3 or mp - 9
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', yoe + era * 400 + (month <= 2 and 1 or 0), month,
    doy - floor((153 * mp + 2) / 5) + 1, floor(rest / 3600), floor(rest / 60) % 60, rest % 60, ms % 1000)
end
local function identify(fields, stream, position)
  local has = {}
  for i = 1, #fields, 2 do has[fields[i]] = true end
  if not (has['type'] and has['data']) then return end
  local function add(name, value)
    if has[name] or not value then return end
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  add('id', position)
  add('source', stream)
  add('time', iso_time(position))
end
`

/** `mark_copy(fields, position, cause)` appends what says of which entry this is a copy. */
export const MARK_COPY = `
local function mark_copy(fields, position, cause)
  for _, part in ipairs({ '${COPY_FIELDS.position}', position, '${COPY_FIELDS.cause}', cause }) do
    fields[#fields + 1] = part
  end
end
`
