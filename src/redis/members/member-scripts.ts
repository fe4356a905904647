import { GroupScript } from '../group/group-script.ts'
import { RETRY_CONSUMER } from '../keys.ts'
import { ENTOMB, FIELD, NOW } from '../lua.ts'
import { recordFrom } from '../operations/action-record.ts'
import { livesBy } from '../operations/live.ts'
import type { Refusal } from '../operations/refusal.ts'
import { WRONG_TYPE } from '../replay/replay-lua.ts'

/*
 * What operators do to pending entries. For the first KEYS and ARGV see GroupScript; the consumer there is the operator.
 *
 * KEYS[6]: actions; KEYS[7]: the heartbeats of the group in the stream itself. ARGV[5] to ARGV[8]: the record; ARGV[9]: 1
 * to change nothing; ARGV[10]: 1 to take from whoever lives; ARGV[11]: ms after which other software counts as dead;
 * ARGV[12]: what stands before positions in the record; ARGV[13]: the consumer that gets them, or ``; ARGV[14]: the
 * consumer whose entries are meant, or ``. Of a consumer: ARGV[15], from where on; ARGV[16], up to where, or `` for what
 * the stream has by now; ARGV[17], how many. Else the positions, in order, from ARGV[15] on.
 *
 * Answers how many were done, missing and trimmed; and of a consumer where to go on, or ``, and up to where.
 */
export type MemberReply =
  | Refusal
  | 'unknown-consumer'
  | 'unknown-target'
  | 'target-of-ours'
  | 'foreign'
  | ['busy', string[]]
  | [done: number, missing: number, trimmed: number, next: string, upTo: string]

/**
 * `rows`: what is pending of that which is meant. Nobody else gets in between, so what is decided by them holds.
 * `ours()`: whether a consumer of Millrace ever read for the group; only Millrace writes an inlet.
 */
const SCENE = `
${NOW}${FIELD}${WRONG_TYPE}${recordFrom(5)}${ENTOMB}${livesBy('KEYS[7]', 'ARGV[11]')}
for n, kind in ipairs({ 'stream', 'hash', 'zset', 'zset', 'any', 'stream', 'zset' }) do
  local wrong = kind ~= 'any' and wrong_type(KEYS[n], kind)
  if wrong then return wrong end
end
if redis.call('EXISTS', KEYS[1]) == 0 then return 'unknown-stream' end
local there = false
for _, row in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do there = there or field(row, 'name') == ARGV[1] end
if not there then return 'unknown-group' end
local function ours()
  return ARGV[12] ~= '' or redis.call('HEXISTS', KEYS[2], 'low') == 1 or redis.call('EXISTS', KEYS[7]) == 1
end

local dry, force, to, holder = ARGV[9] == '1', ARGV[10] == '1', ARGV[13], ARGV[14]
local rows, missing, next, up_to = {}, 0, '', ''
if holder == '' then
  for n = 15, #ARGV do
    local row = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[n], ARGV[n], 1)[1]
    if row then rows[#rows + 1] = row else missing = missing + 1 end
  end
else
  up_to = ARGV[16] ~= '' and ARGV[16] or field(redis.call('XINFO', 'STREAM', KEYS[1]), 'last-generated-id')
  rows = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[15], up_to, ARGV[17], holder)
  if #rows == tonumber(ARGV[17]) then next = '(' .. rows[#rows][1] end
  local unheard = #rows == 0 and ARGV[15] == '-' and ARGV[12] == '' and holder ~= '${RETRY_CONSUMER}'
  if unheard and not known(holder) then return 'unknown-consumer' end
end
if not force then
  local live, seen = {}, {}
  for _, row in ipairs(rows) do
    if not seen[row[2]] and row[2] ~= to and lives(row[2]) then live[#live + 1] = row[2] end
    seen[row[2]] = true
  end
  if #live > 0 then return { 'busy', live } end
end

local function answer(done)
  return { done, missing, #trimmed, next, up_to }
end
local function write_down(action, ids)
  if #ids + #trimmed == 0 then return end
  local names = {}
  for n, id in ipairs(ids) do names[n] = ARGV[12] .. id end
  record(KEYS[6], action, { 'group', ARGV[1], 'count', #ids, 'ids', table.concat(names, ' '), 'consumer', holder,
    'to', to, 'trimmed', #trimmed, 'forced', ARGV[10] })
end
-- With JUSTID the counts of deliveries stay. What was trimmed is dropped by it, and answered by its absence.
local function move(moving, consumer)
  if #moving == 0 then return {} end
  local args, starts = {}, {}
  for n, row in ipairs(moving) do
    args[n] = row[1]
    starts[row[1]] = row[4]
  end
  args[#args + 1] = 'JUSTID'
  local moved = redis.call('XCLAIM', KEYS[1], ARGV[1], consumer, 0, unpack(args))
  for _, id in ipairs(moved) do starts[id] = nil end
  local tombs = ours()
  for _, row in ipairs(moving) do
    if starts[row[1]] and tombs then entomb(row[1], row[4]) end
    if starts[row[1]] and not tombs then trimmed[#trimmed + 1] = row[1] end
  end
  return moved
end
`

const memberScript = (source: string) => new GroupScript<MemberReply>(SCENE + source, { ends: true })

export const claimScript = memberScript(`
if beat_of(to) then return 'target-of-ours' end
if not idle_of(to) then return 'unknown-target' end
local moving = {}
for _, row in ipairs(rows) do
  if row[2] == to then missing = missing + 1 else moving[#moving + 1] = row end
end
if dry then return answer(#moving) end
local moved = move(moving, to)
if #moved > 0 then redis.call('ZREM', KEYS[3], unpack(moved)) end
write_down('claim', moved)
return answer(#moved)
`)

/** What is due at one moment comes in the order of its positions: each is due a fraction of a ms before the next. */
export const releaseScript = memberScript(`
if not ours() then return 'foreign' end
local moving, ids = {}, {}
for _, row in ipairs(rows) do
  local parked = row[2] == '${RETRY_CONSUMER}'
  local due = parked and tonumber(redis.call('ZSCORE', KEYS[3], row[1]))
  if due and due <= now then
    missing = missing + 1
  else
    if not parked then moving[#moving + 1] = row end
    ids[#ids + 1] = row[1]
  end
end
if dry or #ids == 0 then return answer(#ids) end
local dues = {}
for n, id in ipairs(ids) do
  dues[2 * n - 1] = now - 0.5 * (1 - n / #ids)
  dues[2 * n] = id
end
redis.call('ZADD', KEYS[3], unpack(dues))
move(moving, '${RETRY_CONSUMER}')
if #trimmed > 0 then
  local gone, left = {}, {}
  for _, id in ipairs(trimmed) do gone[id] = true end
  for _, id in ipairs(ids) do if not gone[id] then left[#left + 1] = id end end
  ids = left
end
write_down('release', ids)
return answer(#ids)
`)

export const acknowledgeScript = memberScript(`
local ids = {}
for n, row in ipairs(rows) do ids[n] = row[1] end
if dry or #ids == 0 then return answer(#ids) end
finish(ids)
redis.call('ZREM', KEYS[3], unpack(ids))
write_down('acknowledge', ids)
tidy()
return answer(#ids)
`)
