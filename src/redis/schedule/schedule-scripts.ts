import { IDEMPOTENCY, NOW } from '../lua.ts'
import { Script } from '../script.ts'

/** Types are checked before anything is written, since a script that fails half-way does not roll back. */
const CHECK_TYPES = `
for k, wanted in ipairs({ 'stream', 'zset', 'hash' }) do
  local kind = redis.call('TYPE', KEYS[k])['ok']
  if kind ~= 'none' and kind ~= wanted then
    return redis.error_reply('WRONGTYPE ' .. KEYS[k] .. ' holds a ' .. kind)
  end
end
`

/**
 * Says that something is going to wait for a stream. KEYS: the scheduled streams. ARGV: stream.
 * Answers the server's time, which {@link addScript} wants to see soon.
 */
export const announceScript = new Script<number>(
  `
${NOW}
redis.call('ZADD', KEYS[1], 'GT', now, ARGV[1])
return now
`,
  { takesMemory: true },
)

/** Takes a stream off the list. KEYS: the scheduled streams. ARGV: stream, the time before which it was announced last. */
export const forgetScript = new Script<number>(`
local announced = redis.call('ZSCORE', KEYS[1], ARGV[1])
if announced and tonumber(announced) < tonumber(ARGV[2]) then redis.call('ZREM', KEYS[1], ARGV[1]) end
return 0
`)

/**
 * Lets entries wait.
 * KEYS: stream, due times, entries, then the idempotency keys. ARGV: when the stream was announced, for how long that
 * counts, for how long a key outlives its due time, then per entry: the index of its key in KEYS (0 for none), the
 * digest, \`at\` or \`in\`, the ms, how many arguments follow, and names and values in turn.
 * Answers nothing when the announcement is too old; else whether one of them is due before all that waited, and per
 * entry its id, or \`!\` when the key was used for something else.
 *
 * An id is the server's time in microseconds, counted on within the call, so that ids sort by the order of scheduling.
 */
export const addScript = new Script<string[]>(
  `
${NOW}${IDEMPOTENCY}
if now - tonumber(ARGV[1]) > tonumber(ARGV[2]) then return {} end
${CHECK_TYPES}
local wrong = wrongKey(4)
if wrong then return wrong end
local micros = t[1] * 1000000 + t[2] - 1
local function new_id()
  local id
  repeat
    micros = micros + 1
    id = string.format('%016.0f', micros)
  until redis.call('HEXISTS', KEYS[3], id) == 0
  return id
end
local head = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
local first = tonumber(head or 'inf')
local reply, at = { '0' }, 4
while at <= #ARGV do
  local key, digest, count = KEYS[tonumber(ARGV[at])], ARGV[at + 1], tonumber(ARGV[at + 4])
  local known = key and redis.call('GET', key)
  if known then
    reply[#reply + 1] = knownAs(known, digest)
  else
    local due = tonumber(ARGV[at + 3])
    if ARGV[at + 2] == 'in' then due = now + due end
    local id, score = new_id(), string.format('%.0f', due)
    redis.call('HSET', KEYS[3], id, cmsgpack.pack({ unpack(ARGV, at + 5, at + 4 + count) }))
    redis.call('ZADD', KEYS[2], score, id)
    if key then
      local ttl = math.max(due - now, 0) + tonumber(ARGV[3])
      redis.call('SET', key, id .. ' ' .. digest, 'PX', string.format('%.0f', ttl))
    end
    if due < first then reply[1] = '1' end
    reply[#reply + 1] = id
  end
  at = at + 5 + count
end
return reply
`,
  { takesMemory: true },
)

/**
 * Moves what is due into the stream, each entry whole before the next.
 * KEYS: stream, due times, entries. ARGV: most entries, most bytes.
 * Answers how many were moved, the ms until the next one is due (-1: nothing waits), and the server's time.
 *
 * An entry is due a millisecond late: newer servers make positions from a clock that stood still when the script
 * began, and a position should never be before its time.
 */
export const moveScript = new Script<[moved: number, untilNext: number, now: number]>(
  `
${CHECK_TYPES}
${NOW}
local ids = redis.call('ZRANGE', KEYS[2], '-inf', '(' .. now, 'BYSCORE', 'LIMIT', 0, ARGV[1])
local moved, size = 0, 0
for _, id in ipairs(ids) do
  local packed = redis.call('HGET', KEYS[3], id)
  size = size + #(packed or '')
  if moved > 0 and size > tonumber(ARGV[2]) then break end
  if packed then
    local readable, fields = pcall(cmsgpack.unpack, packed)
    if not readable or type(fields) ~= 'table' then
      return redis.error_reply('UNREADABLE the entry ' .. id .. ' in ' .. KEYS[3] .. '; cancel it')
    end
    redis.call('XADD', KEYS[1], '*', unpack(fields))
    moved = moved + 1
  end
  redis.call('ZREM', KEYS[2], id)
  redis.call('HDEL', KEYS[3], id)
end
local head = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
if #head == 0 then return { moved, -1, now } end
return { moved, math.max(tonumber(head[2]) - now + 1, 0), now }
`,
  { takesMemory: true },
)

/** KEYS: stream, due times, entries. ARGV: id. Answers whether it waited. */
export const cancelScript = new Script<number>(`
${CHECK_TYPES}
redis.call('HDEL', KEYS[3], ARGV[1])
return redis.call('ZREM', KEYS[2], ARGV[1])
`)

/**
 * A page of what waits. KEYS: stream, due times, entries. ARGV: most entries, most bytes, and the due time and the id
 * after which it begins. The place is searched for by halves, since the entry may be gone and many may share its time.
 * Answers per entry its id, its due time and its fields, and at last whether more follow.
 */
export const listScript = new Script<[...[id: string, due: string, fields: string[]][], number]>(`
${CHECK_TYPES}
local after, after_id = ARGV[3], ARGV[4]
local start, stop = 0, 0
if after ~= '' then
  start = redis.call('ZCOUNT', KEYS[2], '-inf', '(' .. after)
  stop = redis.call('ZCOUNT', KEYS[2], '-inf', after)
end
while start < stop do
  local middle = math.floor((start + stop) / 2)
  if redis.call('ZRANGE', KEYS[2], middle, middle)[1] <= after_id then start = middle + 1 else stop = middle end
end
local rows, size, page = redis.call('ZRANGE', KEYS[2], start, start + ARGV[1] - 1, 'WITHSCORES'), 0, {}
for r = 1, #rows, 2 do
  local packed = redis.call('HGET', KEYS[3], rows[r])
  size = size + #(packed or '')
  if #page > 0 and size > tonumber(ARGV[2]) then break end
  local readable, fields = pcall(cmsgpack.unpack, packed)
  page[#page + 1] = { rows[r], rows[r + 1], readable and type(fields) == 'table' and fields or {} }
end
local total = redis.call('ZCARD', KEYS[2])
page[#page + 1] = start + #page < total and 1 or 0
return page
`)

/** KEYS: the last ticks. ARGV: job and tick in turn. Never goes back. */
export const rememberTicksScript = new Script<number>(
  `
for at = 1, #ARGV, 2 do
  local known = tonumber(redis.call('HGET', KEYS[1], ARGV[at]) or '-inf')
  if tonumber(ARGV[at + 1]) > (known or -math.huge) then redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1]) end
end
return 0
`,
  { takesMemory: true },
)
