import { NOW } from '../lua.ts'
import { Script } from '../script.ts'
import { CHANGES, OWNED, REMEMBERED_MS, ROW_OF, STATE_OF } from './job-lua.ts'
import type { JobRow } from './job-row.ts'

/*
 * KEYS: job, open, ended, all, active, unless said otherwise. ARGV[1]: the id of the job. They run while the memory is full:
 * a job is small, and a trim, a discard or a backup is what is wanted then.
 */

/** Why a change was not made: there is no such job, or what its state is. */
export type Refusal = 'unknown' | ['conflict', state: string]

/** Bounds for what nobody tidies up by hand. */
const MAX_OPEN = 1_000
const MAX_ENDED = 10_000

/**
 * ARGV[2…]: digest, actor, runner (`` for none), then names and values of the job. Answers the row, and a finished job
 * that is one too many (`` for none).
 */
export const createScript = new Script<
  ['created', row: JobRow, tooMany: string] | ['same', id: string] | ['full']
>(`
${CHANGES}
local id = ARGV[1]
local same = redis.call('HGET', KEYS[5], ARGV[2])
if same and redis.call('ZSCORE', KEYS[2], same) then return { 'same', same } end
if redis.call('ZCARD', KEYS[2]) >= ${MAX_OPEN} then return { 'full' } end
redis.call('HSET', KEYS[1], 'state', 'queued', 'digest', ARGV[2], 'created', time, 'updated', time, 'run', 0,
  unpack(ARGV, 5))
note('started', ARGV[3])
redis.call('ZADD', KEYS[2], 0, id)
redis.call('ZADD', KEYS[4], id, id)
redis.call('HSET', KEYS[5], ARGV[2], id)
if ARGV[4] ~= '' then take(id, ARGV[4]) end
for _, old in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now - ${REMEMBERED_MS}, 'LIMIT', 0, 100)) do
  redis.call('ZREM', KEYS[3], old)
  redis.call('ZREM', KEYS[4], old)
end
local many = redis.call('ZCARD', KEYS[3]) > ${MAX_ENDED}
return { 'created', row_of(KEYS[1], KEYS[2], id), many and redis.call('ZRANGE', KEYS[3], 0, 0)[1] or '' }
`)

/** KEYS: the last id. Answers the next one: it grows, also where the clock goes back. */
export const nextIdScript = new Script<string>(`
${NOW}
local id = string.format('%.0f', math.max(now * 1000, (tonumber(redis.call('GET', KEYS[1])) or 0) + 1))
redis.call('SET', KEYS[1], id)
return id
`)

export const forgetScript = new Script<0>(`
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[1])
return 0
`)

/**
 * KEYS: open, then jobs. ARGV: kind and state (`` for any), then the ids. Looks at them until about 500 KB are
 * together. Answers how many it looked at, and those that fit.
 */
export const readScript = new Script<[looked: number, rows: JobRow[]]>(
  `
${NOW}${STATE_OF}${ROW_OF}
local rows, size, looked = {}, 0, 0
for n = 2, #KEYS do
  local id = ARGV[n + 1]
  local kind, state = redis.call('HGET', KEYS[n], 'kind'), state_of(KEYS[n], KEYS[1], id)
  looked = looked + 1
  if kind and (ARGV[1] == '' or ARGV[1] == kind) and (ARGV[2] == '' or ARGV[2] == state) then
    local row = row_of(KEYS[n], KEYS[1], id)
    for _, part in ipairs(row) do size = size + (part and #part or 0) end
    rows[#rows + 1] = row
  end
  if size > 500000 then break end
end
return { looked, rows }
`,
  { onlyReads: true },
)

/** KEYS: open. Answers the ids of the jobs that nobody has. */
export const waitingScript = new Script<string[]>(
  `
${NOW}
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)
`,
  { onlyReads: true },
)

/** ARGV[2]: the runner. Answers nothing where it can't have the job. */
export const takeScript = new Script<[JobRow, checkpoint: string] | null>(`
${CHANGES}
if not take(ARGV[1], ARGV[2]) then return false end
return { row_of(KEYS[1], KEYS[2], ARGV[1]), redis.call('HGET', KEYS[1], 'checkpoint') or '' }
`)

/** ARGV[2]: the run; ARGV[3]: progress as JSON, `` where it is as it was. Answers whether it was cancelled, and its rate. */
export const beatScript = new Script<Refusal | [cancelled: 0 | 1, rate: string]>(`
${CHANGES}${OWNED}
local refused = owned(ARGV[1], ARGV[2])
if refused then return refused end
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[1], 'progress', ARGV[3], 'updated', time)
  redis.call('HDEL', KEYS[1], 'deaths')
end
return { redis.call('HEXISTS', KEYS[1], 'cancelling'), redis.call('HGET', KEYS[1], 'rate') or '' }
`)

/** ARGV[2]: the run; ARGV[3]: progress; ARGV[4]: where to go on, as JSON. */
export const checkpointScript = new Script<Refusal | 'ok'>(`
${CHANGES}${OWNED}
local refused = owned(ARGV[1], ARGV[2])
if refused then return refused end
redis.call('HSET', KEYS[1], 'checkpoint', ARGV[4], 'progress', ARGV[3], 'updated', time)
redis.call('HDEL', KEYS[1], 'deaths')
return 'ok'
`)

/**
 * ARGV[2]: the run; ARGV[3]: progress; ARGV[4]: done, failed, interrupted or cancelled; ARGV[5]: `result` or `error`
 * (`` for neither), and what that is. One that was cancelled meanwhile waits for nobody.
 */
export const finishScript = new Script<Refusal | 'ok'>(`
${CHANGES}${OWNED}
local refused = owned(ARGV[1], ARGV[2])
if refused then return refused end
redis.call('HSET', KEYS[1], 'progress', ARGV[3])
redis.call('HDEL', KEYS[1], 'deaths')
if ARGV[5] ~= '' then redis.call('HSET', KEYS[1], ARGV[5], ARGV[6]) end
if ARGV[4] == 'interrupted' and redis.call('HEXISTS', KEYS[1], 'cancelling') == 0 then
  redis.call('HSET', KEYS[1], 'state', 'interrupted', 'updated', time)
  redis.call('ZADD', KEYS[2], 0, ARGV[1])
else
  conclude(ARGV[1], ARGV[4] == 'interrupted' and 'cancelled' or ARGV[4])
end
return 'ok'
`)

/** ARGV[2]: actor. A runner that has it is told. */
export const cancelScript = new Script<Refusal | JobRow>(`
${CHANGES}
local state = state_of(KEYS[1], KEYS[2], ARGV[1])
if not state then return 'unknown' end
if state == 'queued' or state == 'interrupted' or state == 'failed' then
  note('cancelled', ARGV[2])
  conclude(ARGV[1], 'cancelled')
elseif state == 'running' then
  if redis.call('HSETNX', KEYS[1], 'cancelling', 1) == 1 then note('cancelled', ARGV[2]) end
else
  return { 'conflict', state }
end
return row_of(KEYS[1], KEYS[2], ARGV[1])
`)

/** ARGV[2]: actor; ARGV[3]: the runner that takes it at once (`` for none). */
export const resumeScript = new Script<Refusal | ['same', id: string] | [JobRow, checkpoint: string]>(`
${CHANGES}
local state = state_of(KEYS[1], KEYS[2], ARGV[1])
if not state then return 'unknown' end
if state ~= 'interrupted' and state ~= 'cancelled' and state ~= 'failed' then return { 'conflict', state } end
local digest = redis.call('HGET', KEYS[1], 'digest')
local same = redis.call('HGET', KEYS[5], digest)
if same and same ~= ARGV[1] and redis.call('ZSCORE', KEYS[2], same) then return { 'same', same } end
redis.call('PERSIST', KEYS[1])
redis.call('HDEL', KEYS[1], 'error', 'finished', 'cancelling', 'deaths')
redis.call('HSET', KEYS[1], 'state', 'queued', 'updated', time)
note('resumed', ARGV[2])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZADD', KEYS[2], 0, ARGV[1])
redis.call('HSET', KEYS[5], digest, ARGV[1])
if ARGV[3] ~= '' then take(ARGV[1], ARGV[3]) end
return { row_of(KEYS[1], KEYS[2], ARGV[1]), redis.call('HGET', KEYS[1], 'checkpoint') or '' }
`)

/** ARGV[2]: actor; ARGV[3]: the rate, `` for none. */
export const limitScript = new Script<Refusal | JobRow>(`
${CHANGES}
local state = state_of(KEYS[1], KEYS[2], ARGV[1])
if not state then return 'unknown' end
if state ~= 'queued' and state ~= 'running' and state ~= 'interrupted' then return { 'conflict', state } end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], 'rate') else redis.call('HSET', KEYS[1], 'rate', ARGV[3]) end
redis.call('HSET', KEYS[1], 'updated', time)
note('limited', ARGV[2])
return row_of(KEYS[1], KEYS[2], ARGV[1])
`)
