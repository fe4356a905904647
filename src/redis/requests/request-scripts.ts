import { NOW } from '../lua.ts'
import { Script } from '../script.ts'

/**
 * Hash: `digest` of the request, `id` that it has in each run, then `owner` and `until` (ms of the server's clock) while
 * it runs, or `answer`. It expires.
 */
export const requestKey = (key: string): string => `millrace:request:${key}`

const TYPE = `
local kind = redis.call('TYPE', KEYS[1])['ok']
if kind ~= 'none' and kind ~= 'hash' then return redis.error_reply('WRONGTYPE the request holds a ' .. kind) end
`

/**
 * KEYS: request. ARGV: digest, an id for the first run, owner, lease and time to live in ms.
 * Answers a word of `Begun`, and the id or the answer.
 */
export const beginScript = new Script<[state: string, what?: string]>(
  `${TYPE}${NOW}
local known = redis.call('HMGET', KEYS[1], 'digest', 'answer', 'until', 'id', 'owner')
if known[1] and known[1] ~= ARGV[1] then return { 'different' } end
if known[2] then return { 'answered', known[2] } end
-- Not where it is asked again since the reply was lost.
if known[3] and tonumber(known[3]) > now and known[5] ~= ARGV[3] then return { 'running' } end
local id = known[4] or ARGV[2]
redis.call('HSET', KEYS[1], 'digest', ARGV[1], 'id', id, 'owner', ARGV[3], 'until', now + ARGV[4])
-- Not anew for each run: what the first one published is known as published no longer than that.
if not known[1] then redis.call('PEXPIRE', KEYS[1], ARGV[5]) end
return { 'begun', id }
`,
  { takesMemory: true },
)

const OWNED = `${TYPE}
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
`

/** KEYS: request. ARGV: owner, lease in ms. It is kept for as long as it runs. */
export const renewScript = new Script<0 | 1>(`${OWNED}${NOW}
redis.call('HSET', KEYS[1], 'until', now + ARGV[2])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
`)

/** KEYS: request. ARGV: owner, time to live in ms, and the answer; without one it may run again. */
export const endScript = new Script<0 | 1>(`${OWNED}
redis.call('HDEL', KEYS[1], 'owner', 'until')
if not ARGV[3] then return 1 end
redis.call('HSET', KEYS[1], 'answer', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
`)
