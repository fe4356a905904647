import { NOW } from '../lua.ts'
import { WRONG_TYPE } from '../replay/replay-lua.ts'
import { JOB_FIELDS } from './job-row.ts'

/* Pieces of Lua that the scripts of jobs share. KEYS: job, open, ended, all, active. */

/** How long a runner that says nothing keeps its job, in ms. */
const LEASE_MS = 10_000
/** How long a job is remembered after its end, in ms. */
export const REMEMBERED_MS = 7 * 86_400_000
/** So many of its runners may die one after the other without getting any further. */
const MAX_DEATHS = 5
const MAX_HISTORY = 50

const DIED = JSON.stringify({
  code: 'HANDLER_DIED',
  message: `${MAX_DEATHS} runners died one after the other while they had it; look into their logs, then resume it`,
})

/** `state_of(job, id)`: `interrupted` also where its runner was not heard of in time. */
export const STATE_OF = `
local function state_of(job, open, id)
  local state = redis.call('HGET', job, 'state')
  if state == 'running' and (tonumber(redis.call('ZSCORE', open, id)) or 0) < now then return 'interrupted' end
  return state
end
`

/** `row_of(job, open, id)`: what {@link JOB_FIELDS} names. */
export const ROW_OF = `
local function row_of(job, open, id)
  local row = redis.call('HMGET', job, ${JOB_FIELDS.map((field) => `'${field}'`).join(', ')})
  row[1], row[2] = id, state_of(job, open, id)
  return row
end
`

/**
 * `note(action, actor)` adds to the history; the oldest lines behind the first go. `conclude(id, state)` ends the job.
 * `take(id, runner)` gives it to a runner, and answers whether that may have it.
 */
export const CHANGES = `
${NOW}${WRONG_TYPE}${STATE_OF}${ROW_OF}
local wrong = wrong_type(KEYS[1], 'hash') or wrong_type(KEYS[2], 'zset') or wrong_type(KEYS[3], 'zset')
  or wrong_type(KEYS[4], 'zset') or wrong_type(KEYS[5], 'hash')
if wrong then return wrong end
local time = string.format('%.0f', now)
local function note(action, actor)
  local lines = {}
  for line in string.gmatch(redis.call('HGET', KEYS[1], 'history') or '', '[^\\n]+') do lines[#lines + 1] = line end
  if #lines >= ${MAX_HISTORY} then table.remove(lines, 2) end
  lines[#lines + 1] = time .. ' ' .. action .. ' ' .. actor
  redis.call('HSET', KEYS[1], 'history', table.concat(lines, '\\n'))
end
local function conclude(id, state)
  redis.call('HSET', KEYS[1], 'state', state, 'updated', time, 'finished', time)
  redis.call('HDEL', KEYS[1], 'cancelling')
  redis.call('PEXPIRE', KEYS[1], ${REMEMBERED_MS})
  redis.call('ZREM', KEYS[2], id)
  redis.call('ZADD', KEYS[3], now, id)
  local digest = redis.call('HGET', KEYS[1], 'digest')
  if redis.call('HGET', KEYS[5], digest) == id then redis.call('HDEL', KEYS[5], digest) end
end
local function take(id, runner)
  local state = state_of(KEYS[1], KEYS[2], id)
  if state ~= 'queued' and state ~= 'interrupted' then return false end
  if redis.call('HEXISTS', KEYS[1], 'cancelling') == 1 then
    conclude(id, 'cancelled')
    return false
  end
  local died = redis.call('HGET', KEYS[1], 'state') == 'running'
  if died and redis.call('HINCRBY', KEYS[1], 'deaths', 1) >= ${MAX_DEATHS} then
    redis.call('HSET', KEYS[1], 'error', '${DIED}')
    conclude(id, 'failed')
    return false
  end
  redis.call('HSET', KEYS[1], 'state', 'running', 'runner', runner, 'updated', time)
  redis.call('HSETNX', KEYS[1], 'started', time)
  redis.call('HINCRBY', KEYS[1], 'run', 1)
  redis.call('ZADD', KEYS[2], now + ${LEASE_MS}, id)
  return true
end
`

/** `owned(id, run)` for what a runner writes: nothing where it still has the job, else what to answer. */
export const OWNED = `
local function owned(id, run)
  local held = redis.call('HMGET', KEYS[1], 'state', 'run')
  if not held[1] then return 'unknown' end
  if held[1] ~= 'running' or held[2] ~= run then return { 'conflict', state_of(KEYS[1], KEYS[2], id) } end
  redis.call('ZADD', KEYS[2], now + ${LEASE_MS}, id)
end
`
