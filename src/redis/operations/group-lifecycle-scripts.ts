import { recordFrom } from './action-record.ts'
import { LIVE_MS } from './live.ts'
import { RETRY_CONSUMER } from '../keys.ts'
import { COMPARE, FIELD, NOW } from '../lua.ts'
import type { Refusal } from './refusal.ts'
import { HAS_GROUP, WRONG_TYPE } from '../replay/replay-lua.ts'
import { Script } from '../script.ts'

/*
 * ARGV: group, then the record, then what each script says.
 */

/**
 * Creates a group. Nothing of an earlier one of its name may count for it, and where a low-water mark was recorded it
 * moves as well; without one the group may be that of other software, and stays so. Where it begins behind the first entry is
 * kept, since the server forgets it (see explain).
 * KEYS: stream, state, retry, heartbeats, actions. ARGV[6]: `0`, `$` or the last entry not to be read; ARGV[7]: 1 to
 * create the stream as well, empty, where there is none.
 * Answers 1 when it was not there.
 */
export const createScript = new Script<Refusal | 0 | 1>(`
${COMPARE}${FIELD}${WRONG_TYPE}${HAS_GROUP}${recordFrom(2)}
local wrong = wrong_type(KEYS[1], 'stream') or wrong_type(KEYS[2], 'hash') or wrong_type(KEYS[5], 'stream')
if wrong then return wrong end
local info = { 'last-generated-id', '0-0', 'entries-added', 0 }
if redis.call('EXISTS', KEYS[1]) == 1 then
  if has_group(KEYS[1], ARGV[1]) then return 0 end
  info = redis.call('XINFO', 'STREAM', KEYS[1])
elseif ARGV[7] ~= '1' then
  return 'unknown-stream'
end
local last = field(info, 'last-generated-id')
local start = ARGV[6] == '0' and '0-0' or ARGV[6] == '$' and last or ARGV[6]
if less(last, start) then start = last end
redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], start, 'MKSTREAM')
redis.call('DEL', KEYS[3], KEYS[4])
if start ~= '0-0' or redis.call('EXISTS', KEYS[2]) == 1 then redis.call('HSET', KEYS[2], 'start', start) end
if redis.call('HEXISTS', KEYS[2], 'low') == 1 then
  redis.call('HSET', KEYS[2], 'low', start, 'added', field(info, 'entries-added') or 0)
end
record(KEYS[5], 'create-group', { 'group', ARGV[1], 'count', 1, 'start', start })
return 1
`)

/**
 * Destroys a group and all keys that it has to itself. KEYS: stream, heartbeats, inlet, actions, record of retention, then
 * its companions. ARGV[6]: ms after which other software counts as dead; ARGV[7]: 1 to change nothing; ARGV[8]: 1 to do so
 * though consumers live.
 * Answers how many are pending, how many copies there are, and who lives; or that, where it is refused.
 */
export const deleteScript = new Script<
  Refusal | ['busy', string[]] | [pending: number, copies: number, live: string[]]
>(`
${NOW}${FIELD}${WRONG_TYPE}${recordFrom(2)}
local wrong = wrong_type(KEYS[1], 'stream') or wrong_type(KEYS[2], 'zset') or wrong_type(KEYS[3], 'stream')
  or wrong_type(KEYS[4], 'stream') or wrong_type(KEYS[5], 'hash')
if wrong then return wrong end
if redis.call('EXISTS', KEYS[1]) == 0 then return 'unknown-stream' end
local group
for _, row in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  if field(row, 'name') == ARGV[1] then group = row end
end
if not group then return 'unknown-group' end
local live = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. string.format('%.0f', now - ${LIVE_MS}), '+inf')
for _, row in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local name = field(row, 'name')
  local ours = name == '${RETRY_CONSUMER}' or redis.call('ZSCORE', KEYS[2], name)
  if not ours and field(row, 'idle') < tonumber(ARGV[6]) then live[#live + 1] = name end
end
local pending, copies = field(group, 'pending'), redis.call('XLEN', KEYS[3])
if ARGV[7] == '1' then return { pending, copies, live } end
if #live > 0 and ARGV[8] ~= '1' then return { 'busy', live } end
redis.call('XGROUP', 'DESTROY', KEYS[1], ARGV[1])
redis.call('UNLINK', unpack(KEYS, 6))
redis.call('HDEL', KEYS[5], 'alive ' .. ARGV[1])
record(KEYS[4], 'delete-group', { 'group', ARGV[1], 'count', pending, 'copies', copies,
  'lastDelivered', field(group, 'last-delivered-id'), 'forced', #live > 0 and '1' or '0' })
return { pending, copies, live }
`)
