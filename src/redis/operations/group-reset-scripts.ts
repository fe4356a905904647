import { RECORD } from './action-record.ts'
import { LIVE_MS } from './live.ts'
import type { Refusal } from './refusal.ts'
import { RETRY_CONSUMER } from '../keys.ts'
import { COMPARE, FIELD, NOW } from '../lua.ts'
import { WRONG_TYPE } from '../replay/replay-lua.ts'
import { Script } from '../script.ts'

/*
 * KEYS: stream, state, retry, heartbeats (see GroupKeys), actions.
 * ARGV: actor, reason, stream, run, group, the new place (`end`, or the last entry not to be read).
 */

/**
 * `from`: where the group stands; `to`: the new place, never beyond the end, where it would hide what comes; `live`:
 * the consumers that live, by their heartbeats or, of other software, by their last command.
 */
const SCENE = `
${NOW}${COMPARE}${FIELD}${WRONG_TYPE}
local wrong = wrong_type(KEYS[1], 'stream') or wrong_type(KEYS[2], 'hash') or wrong_type(KEYS[3], 'zset')
  or wrong_type(KEYS[4], 'zset') or wrong_type(KEYS[5], 'stream')
if wrong then return wrong end
if redis.call('EXISTS', KEYS[1]) == 0 then return 'unknown-stream' end
local from, pending
for _, row in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  if field(row, 'name') == ARGV[5] then from, pending = field(row, 'last-delivered-id'), field(row, 'pending') end
end
if not from then return 'unknown-group' end
local to, last = ARGV[6], field(redis.call('XINFO', 'STREAM', KEYS[1]), 'last-generated-id')
if to == 'end' or less(last, to) then to = last end
local live, known = redis.call('ZRANGEBYSCORE', KEYS[4], now - ${LIVE_MS}, '+inf'), {}
for _, name in ipairs(live) do known[name] = true end
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[5])) do
  local name = field(consumer, 'name')
  if name ~= '${RETRY_CONSUMER}' and not known[name] and field(consumer, 'idle') < ${LIVE_MS} then live[#live + 1] = name end
end
`

/** Answers from, to, how many are pending, and who lives. */
export const previewScript = new Script<
  Refusal | [from: string, to: string, pending: number, live: string[]]
>(`
${SCENE}
return { from, to, pending, live }
`)

/** KEYS: stream. ARGV: group, from which position on, how many. Answers how many are pending and where to go on. */
export const pendingScript = new Script<[next: string, count: number]>(`
local rows = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], '+', ARGV[3])
return { #rows == tonumber(ARGV[3]) and '(' .. rows[#rows][1] or '', #rows }
`)

/** So many pending entries that stay are put back one by one; more would take too long. */
const MAX_PUT_BACK = 500

/**
 * Moves the group. ARGV[7]: `drop` or `keep`; ARGV[8]: 1 to do so though consumers live.
 *
 * With 100,000 pending, letting go of each takes 80 ms and making the group anew 10 ms. So it is made anew, and what
 * stays is put back with its consumer, attempts and due time; that is where a claim by force is safe. It can't put back
 * what was trimmed, whose tombstone is still to be written: then each is let go of.
 *
 * The low-water mark moves as well, so that a group that is lost begins where it was set.
 */
export const resetScript = new Script<
  Refusal | ['busy', string[]] | [from: string, to: string, dropped: number, kept: number]
>(`
${SCENE}${RECORD}
if ARGV[8] ~= '1' and #live > 0 then return { 'busy', live } end

local function staying()
  if ARGV[7] == 'drop' then return {} end
  local rows = redis.call('XPENDING', KEYS[1], ARGV[5], '-', to, ${MAX_PUT_BACK + 1})
  if #rows > ${MAX_PUT_BACK} then return end
  for _, row in ipairs(rows) do
    if #redis.call('XRANGE', KEYS[1], row[1], row[1]) == 0 then return end
    row[5] = redis.call('ZSCORE', KEYS[3], row[1])
  end
  return rows
end
local function make_anew(rows)
  redis.call('XGROUP', 'DESTROY', KEYS[1], ARGV[5])
  redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[5], to)
  redis.call('UNLINK', KEYS[3])
  for _, row in ipairs(rows) do
    local id, consumer, idle, starts, due = unpack(row)
    redis.call('XCLAIM', KEYS[1], ARGV[5], consumer, 0, id, 'IDLE', idle, 'RETRYCOUNT', starts, 'FORCE', 'JUSTID')
    if due then redis.call('ZADD', KEYS[3], due, id) end
  end
  return pending - #rows
end
local function let_go()
  redis.call('XGROUP', 'SETID', KEYS[1], ARGV[5], to)
  local dropped, start = 0, '(' .. to
  while true do
    local rows, ids = redis.call('XPENDING', KEYS[1], ARGV[5], start, '+', 1000), {}
    if #rows == 0 then return dropped end
    for n, row in ipairs(rows) do ids[n] = row[1] end
    redis.call('XACK', KEYS[1], ARGV[5], unpack(ids))
    redis.call('ZREM', KEYS[3], unpack(ids))
    dropped, start = dropped + #ids, '(' .. ids[#ids]
  end
end

local none_above = #redis.call('XPENDING', KEYS[1], ARGV[5], '(' .. to, '+', 1) == 0
local rows = not (none_above and ARGV[7] == 'keep') and staying()
local dropped = rows and make_anew(rows) or let_go()
local known = redis.call('HGET', KEYS[2], 'low') or '0-0'
redis.call('HSET', KEYS[2], 'low', dropped < pending and less(known, to) and known or to, 'start', to)
record(KEYS[5], 'reset', { 'group', ARGV[5], 'count', dropped, 'from', from, 'to', to, 'pending', ARGV[7],
  'kept', pending - dropped, 'forced', #live > 0 and '1' or '0' })
return { from, to, dropped, pending - dropped }
`)
