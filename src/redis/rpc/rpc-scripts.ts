import { COMPARE, FIELD, HOLDS } from '../lua.ts'
import { Script } from '../script.ts'

/** `limitLife(key, ms)`: it lives for so long from now on, or longer where it does already. */
const LIMIT_LIFE = `
local function limitLife(key, ms)
  if redis.call('PTTL', key) < tonumber(ms) then redis.call('PEXPIRE', key, ms) end
end
`

/**
 * Makes the reply stream where it is missing, and lets it live on. KEYS: replies. ARGV: time to live in ms, the last
 * position that was read. Answers 1 where it had to be made.
 */
export const keepScript = new Script<0 | 1>(`
local made = 0
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('XDEL', KEYS[1], redis.call('XADD', KEYS[1], '*', 'made', '1'))
  made = 1
else
  redis.call('XTRIM', KEYS[1], 'MINID', ARGV[2])
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return made
`)

/** KEYS: streams. Answers the last position of each, '0-0' for one that is missing. */
export const lastPositionsScript = new Script<string[]>(`
${FIELD}
local last = {}
for n, key in ipairs(KEYS) do
  last[n] = redis.call('EXISTS', key) == 1 and field(redis.call('XINFO', 'STREAM', key), 'last-generated-id') or '0-0'
end
return last
`)

/** KEYS: requests. ARGV: length, time to live in ms, then names and values. Answers the position. */
export const broadcastScript = new Script<string>(
  `
${LIMIT_LIFE}
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, 3))
limitLife(KEYS[1], ARGV[2])
return id
`,
  { takesMemory: true },
)

/**
 * Deletes requests that the group was not handed yet. KEYS: requests, notes. ARGV: group, 1 to tell of the others,
 * length and time to live of the notes, then positions. Answers the others.
 */
export const withdrawScript = new Script<string[]>(`
${COMPARE}${FIELD}${LIMIT_LIFE}
local handed, others = '0-0', {}
if redis.call('EXISTS', KEYS[1]) == 0 then return others end
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  if field(group, 'name') == ARGV[1] then handed = field(group, 'last-delivered-id') end
end
for i = 5, #ARGV do
  if less(handed, ARGV[i]) then
    redis.call('XDEL', KEYS[1], ARGV[i])
  else
    others[#others + 1] = ARGV[i]
    if ARGV[2] == '1' then redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', 'cancel', ARGV[i]) end
  end
end
if ARGV[2] == '1' and #others > 0 then limitLife(KEYS[2], ARGV[4]) end
return others
`)

/** KEYS: notes. ARGV: length, time to live in ms, then names and values. */
export const tellScript = new Script<string>(`
${LIMIT_LIFE}
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, 3))
limitLife(KEYS[1], ARGV[2])
return id
`)

/**
 * Writes a part where the request is ours still and its reply stream is there. KEYS: requests, replies. ARGV: group,
 * consumer, position, length, then names and values. Answers 1, 0 where it is not ours, -1 where there is no reply stream.
 */
export const replyPartScript = new Script<1 | 0 | -1>(
  `
${HOLDS}
if redis.call('EXISTS', KEYS[1]) == 0 or not holds(ARGV[3]) then return 0 end
return redis.call('XADD', KEYS[2], 'NOMKSTREAM', 'MAXLEN', '~', ARGV[4], '*', unpack(ARGV, 5)) and 1 or -1
`,
  { takesMemory: true },
)
