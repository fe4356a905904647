import { COMPARE } from '../lua.ts'
import { Script } from '../script.ts'

/*
 * How a stream is built where nobody looks, and appears. All keys are of one slot. Each script may run twice: a reply that was
 * lost, and a run that goes on where another one died, do no harm. `progress` is a hash: suffix of a log → the last entry that
 * was built, and `appeared`.
 */

/** So long what was built outlives whoever builds it. */
export const STAGED_MS = 600_000
/** So long it is known that a stream appeared, should whoever waits for the answer die. */
const APPEARED_MS = 7 * 86_400_000

/**
 * Begins a log, or goes on with it. KEYS: staged log, progress. ARGV: suffix. Answers the last entry that is there. What
 * expired between two runs begins anew.
 */
export const beginScript = new Script<string>(
  `
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HDEL', KEYS[2], ARGV[1])
  redis.call('XGROUP', 'CREATE', KEYS[1], 'none', '0', 'MKSTREAM')
  redis.call('XGROUP', 'DESTROY', KEYS[1], 'none')
end
redis.call('HSETNX', KEYS[2], ARGV[1], '0-0')
redis.call('PEXPIRE', KEYS[1], ${STAGED_MS})
redis.call('PEXPIRE', KEYS[2], ${STAGED_MS})
return redis.call('HGET', KEYS[2], ARGV[1])
`,
  { takesMemory: true },
)

/**
 * Adds entries to a log. KEYS: staged log, progress. ARGV: suffix, the entry after which these come, the last of them, then per
 * entry its position, how many parts follow, and those. Answers `gap` when it ends elsewhere: nothing was added.
 */
export const addScript = new Script<'ok' | 'gap'>(
  `
${COMPARE}
local at = redis.call('HGET', KEYS[2], ARGV[1])
if not at or redis.call('EXISTS', KEYS[1]) == 0 then return 'gap' end
if not less(at, ARGV[3]) then return 'ok' end
if at ~= ARGV[2] then return 'gap' end
local i = 4
while i <= #ARGV do
  local count = tonumber(ARGV[i + 1])
  redis.call('XADD', KEYS[1], ARGV[i], unpack(ARGV, i + 2, i + 1 + count))
  i = i + 2 + count
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
return 'ok'
`,
  { takesMemory: true },
)

/**
 * Makes entries of a log pending. KEYS: staged log. ARGV: group, then position, consumer, deliveries and idle ms in turn.
 * Answers how many entries are gone from the log: a server of version 7 holds none pending that is not there.
 */
export const pendScript = new Script<number>(
  `
local gone = 0
for i = 2, #ARGV, 4 do
  local claimed = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[i + 1], 0, ARGV[i], 'IDLE', ARGV[i + 3], 'RETRYCOUNT',
    ARGV[i + 2], 'FORCE', 'JUSTID')
  if #claimed == 0 then gone = gone + 1 end
end
return gone
`,
  { takesMemory: true },
)

/**
 * Writes a part of a key that is no log. KEYS: staged key. ARGV: what it is, then names and values, scores and members, or the
 * items of a list, all of them.
 */
export const writeScript = new Script<number>(
  `
if ARGV[1] == 'hash' then
  redis.call('HSET', KEYS[1], unpack(ARGV, 2))
elseif ARGV[1] == 'sorted' then
  redis.call('ZADD', KEYS[1], unpack(ARGV, 2))
else
  redis.call('DEL', KEYS[1])
  redis.call('RPUSH', KEYS[1], unpack(ARGV, 2))
end
return redis.call('PEXPIRE', KEYS[1], ${STAGED_MS})
`,
  { takesMemory: true },
)

/**
 * Takes from what waits for its time what was moved into the log before the log ended: all that comes before a time and an
 * id. KEYS: staged due times, staged entries. ARGV: time, id. Answers 1 when there may be more.
 */
export const movedScript = new Script<0 | 1>(`
local rows, gone = redis.call('ZRANGE', KEYS[1], 0, 499, 'WITHSCORES'), {}
local time = tonumber(ARGV[1])
for i = 1, #rows, 2 do
  local score = tonumber(rows[i + 1])
  if score < time or score == time and rows[i] < ARGV[2] then gone[#gone + 1] = rows[i] end
end
if #gone == 0 then return 0 end
redis.call('ZREM', KEYS[1], unpack(gone))
redis.call('HDEL', KEYS[2], unpack(gone))
return #gone == 500 and 1 or 0
`)

/** KEYS: staged keys, and the progress, to be kept for another while. */
export const keepScript = new Script<number>(`
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ${STAGED_MS}) end
return 0
`)

/**
 * Makes everything appear at once. KEYS: progress, then pairs of staged and final key, then keys that must not exist either.
 * ARGV: how many pairs, and what is remembered of it. Answers the keys that exist already: nothing appeared then.
 */
export const appearScript = new Script<string[]>(
  `
if redis.call('HEXISTS', KEYS[1], 'appeared') == 1 then return {} end
local pairs_end, found = 1 + 2 * tonumber(ARGV[1]), {}
for k = 2, #KEYS do
  local final = k > pairs_end or k % 2 == 1
  if final and redis.call('EXISTS', KEYS[k]) == 1 then found[#found + 1] = KEYS[k] end
end
if #found > 0 then return found end
for k = 2, pairs_end, 2 do
  if redis.call('PERSIST', KEYS[k]) == 1 then redis.call('RENAME', KEYS[k], KEYS[k + 1]) end
end
redis.call('HSET', KEYS[1], 'appeared', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ${APPEARED_MS})
return {}
`,
  { takesMemory: true },
)
