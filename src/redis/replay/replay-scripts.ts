import { RECORD } from '../operations/action-record.ts'
import { COMPARE, FIELD, NOW } from '../lua.ts'
import { HAS_GROUP, IDENTIFY, MARK_COPY, MAX_COPY_PARTS, WALK, WRONG_TYPE } from './replay-lua.ts'
import { Script } from '../script.ts'

/*
 * KEYS: source, progress, holds, actions, where copies go.
 * ARGV: actor, reason, source, run, the name of the hold, the group (`` for another stream), then a script's own.
 * How the replay stands is in the progress key, where each step reads it: who runs the step does not matter.
 */

/** What a script answers: how the replay stands, or a word for why it can't. */
export type ReplayReply =
  | string[]
  | 'unknown-stream'
  | 'unknown-group'
  | 'foreign-group'
  | 'conflict'
  | 'target-exists'
  | 'target-gone'

/** How long the end of a replay is remembered, in ms. */
const REMEMBERED_MS = 7 * 86_400_000
/** A replay whose process died holds what it needs for a day, and not for ever: the memory of Redis would fill. */
const HELD_MS = 86_400_000

/** `hold(position)`; see holds.ts. */
const HOLD = `
local function hold(position)
  redis.call('HSET', KEYS[3], ARGV[5], string.format('%s %.0f', position, now + ${HELD_MS}))
end
`

const CHECKS = `
local wrong = wrong_type(KEYS[1], 'stream') or wrong_type(KEYS[2], 'hash') or wrong_type(KEYS[3], 'hash')
  or wrong_type(KEYS[4], 'stream') or wrong_type(KEYS[5], 'stream')
if wrong then return wrong end
if redis.call('EXISTS', KEYS[1]) == 0 then return 'unknown-stream' end
if ARGV[6] ~= '' and not has_group(KEYS[1], ARGV[6]) then return 'unknown-group' end
`

const NOTE = `
local function note(what)
  local replay = redis.call('HMGET', KEYS[2], 'from', 'to', 'copied', 'next', 'target')
  record(KEYS[4], 'replay', { 'group', ARGV[6], 'count', replay[3] or 0, 'state', what, 'from', replay[1], 'to', replay[2],
    'position', replay[4] or '', 'target', replay[5] })
end
`

/**
 * Begins a replay or takes it up again. Into a group: KEYS[6], its state, and KEYS[7], its heartbeats; where others read
 * for it and Millrace never did, nobody would ever come for the copies. ARGV[7]: what was asked for, as one text; ARGV[8], ARGV[9]: from and to
 * (`` for the end of the stream); ARGV[10]: the target as JSON; ARGV[11]: 1 to create the target, so that of two replays at
 * the same time one finds it there.
 */
export const startScript = new Script<ReplayReply>(
  `
${NOW}${HOLD}${COMPARE}${FIELD}${HAS_GROUP}${WRONG_TYPE}${RECORD}${NOTE}${CHECKS}
local function is_foreign()
  if redis.call('TYPE', KEYS[6])['ok'] == 'hash' and redis.call('HEXISTS', KEYS[6], 'low') == 1 then return false end
  return redis.call('EXISTS', KEYS[7]) == 0 and #redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[6]) > 0
end
local known = redis.call('HMGET', KEYS[2], 'request', 'state', 'next', 'from')
if known[1] and known[1] ~= ARGV[7] then return 'conflict' end
if known[2] ~= 'done' and known[2] ~= 'running' then
  local time = string.format('%.0f', now)
  if not known[1] then
    if KEYS[6] and is_foreign() then return 'foreign-group' end
    if ARGV[11] == '1' then
      if redis.call('EXISTS', KEYS[5]) == 1 then return 'target-exists' end
      redis.call('XGROUP', 'CREATE', KEYS[5], 'millrace', '$', 'MKSTREAM')
      redis.call('XGROUP', 'DESTROY', KEYS[5], 'millrace')
    end
    local to, last = ARGV[9], field(redis.call('XINFO', 'STREAM', KEYS[1]), 'last-generated-id')
    if to == '' or less(last, to) then to = last end
    redis.call('HSET', KEYS[2], 'request', ARGV[7], 'from', ARGV[8], 'to', to, 'target', ARGV[10], 'copied', 0,
      'skipped', 0, 'started', time)
  end
  redis.call('HSET', KEYS[2], 'state', 'running', 'updated', time)
  redis.call('PERSIST', KEYS[2])
  hold(known[3] or ARGV[8])
  note('started')
end
return redis.call('HGETALL', KEYS[2])
`,
  { takesMemory: true },
)

/** Copies the next entries, and remembers it. ARGV[7]: how many at most. */
export const copyScript = new Script<ReplayReply>(
  `
${NOW}${HOLD}${FIELD}${HAS_GROUP}${WRONG_TYPE}${RECORD}${NOTE}${WALK}${IDENTIFY}${MARK_COPY}${CHECKS}
local replay = redis.call('HMGET', KEYS[2], 'state', 'next', 'from', 'to', 'copied')
if replay[1] ~= 'running' then return redis.call('HGETALL', KEYS[2]) end
-- The rest alone would pass for all of it. (An inlet ends by itself whenever all that it holds is done.)
local lost = ARGV[6] == '' and tonumber(replay[5]) > 0 and redis.call('EXISTS', KEYS[5]) == 0
if lost then return 'target-gone' end
local copied, skipped, position, failure = 0, 0, nil, nil
local next = walk('XRANGE', replay[2] and '(' .. replay[2] or replay[3], replay[4], tonumber(ARGV[7]), function(entry)
  local fields = entry[2]
  if #fields > ${MAX_COPY_PARTS} then
    skipped = skipped + 1
  else
    identify(fields, ARGV[3], entry[1])
    if ARGV[6] ~= '' then mark_copy(fields, entry[1], 'replay') end
    local added = redis.pcall('XADD', KEYS[5], '*', unpack(fields))
    if type(added) == 'table' then
      failure = added
      return true
    end
    copied = copied + 1
  end
  position = entry[1]
end)
-- What was copied before the failure has to be remembered, so the failure waits for the next call.
if failure and not position then return failure end
redis.call('HINCRBY', KEYS[2], 'copied', copied)
redis.call('HINCRBY', KEYS[2], 'skipped', skipped)
redis.call('HSET', KEYS[2], 'updated', string.format('%.0f', now))
if position then
  redis.call('HSET', KEYS[2], 'next', position)
  hold(position)
end
if next == '' then
  redis.call('HSET', KEYS[2], 'state', 'done')
  redis.call('PEXPIRE', KEYS[2], ${REMEMBERED_MS})
  redis.call('HDEL', KEYS[3], ARGV[5])
  note('done')
end
return redis.call('HGETALL', KEYS[2])
`,
  { takesMemory: true },
)

/** Stops a replay that runs; it can be taken up again. Answers how it stands. */
export const stopScript = new Script<ReplayReply>(`
${NOW}${WRONG_TYPE}${RECORD}${NOTE}
local wrong = wrong_type(KEYS[2], 'hash') or wrong_type(KEYS[3], 'hash') or wrong_type(KEYS[4], 'stream')
if wrong then return wrong end
if redis.call('HGET', KEYS[2], 'state') == 'running' then
  redis.call('HSET', KEYS[2], 'state', 'stopped', 'updated', string.format('%.0f', now))
  redis.call('PEXPIRE', KEYS[2], ${REMEMBERED_MS})
  redis.call('HDEL', KEYS[3], ARGV[5])
  note('stopped')
end
return redis.call('HGETALL', KEYS[2])
`)

/** Forgets a replay. Answers whether there was one. */
export const abandonScript = new Script<0 | 1>(`
${WRONG_TYPE}${RECORD}${NOTE}
local wrong = wrong_type(KEYS[2], 'hash') or wrong_type(KEYS[3], 'hash') or wrong_type(KEYS[4], 'stream')
if wrong then return wrong end
redis.call('HDEL', KEYS[3], ARGV[5])
if redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
note('abandoned')
redis.call('DEL', KEYS[2])
return 1
`)
