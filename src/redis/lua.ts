/* Pieces of Lua that scripts share. */

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
 * `mine(ids)`: which of the sorted ids are pending to ARGV[2], as a set. One range where they are most of what is
 * held (ARGV[3]: how many that is), else one look-up each.
 */
export const MINE = `
local function mine(ids)
  local set, held = {}, tonumber(ARGV[3])
  if #ids * 4 >= held then
    local limit = math.max(held, #ids) + 64
    local rows = redis.call('XPENDING', KEYS[1], ARGV[1], ids[1], ids[#ids], limit, ARGV[2])
    for _, row in ipairs(rows) do set[row[1]] = true end
    if #rows < limit then return set end
  end
  for _, id in ipairs(ids) do
    if not set[id] and #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2]) == 1 then set[id] = true end
  end
  return set
end
`
