import { slotPrefix } from '../slots.ts'
import { Script } from '../script.ts'
import { WRONG_TYPE } from '../replay/replay-lua.ts'

const prefix = (service: string) => slotPrefix(`millrace:settings:${encodeURIComponent(service)}`)

/** Hash: `version`, `change` (the id of the last record), and each setting by its name, as JSON. */
export const settingsKey = (service: string): string => `${prefix(service)}values`

/** Stream: who changed what, when and why, about 1000 records. */
export const changesKey = (service: string): string => `${prefix(service)}changes`

/**
 * KEYS: settings, changes. ARGV: the version that they must have, actor, reason, then name and new value of each setting,
 * empty to take it away. Answers whether it was done, and the version now.
 */
export const changeScript = new Script<[done: 0 | 1, version: number]>(`
${WRONG_TYPE}
local wrong = wrong_type(KEYS[1], 'hash') or wrong_type(KEYS[2], 'stream')
if wrong then return wrong end
local text = redis.call('HGET', KEYS[1], 'version') or ''
local version = string.match(text, '^%d+$') and #text <= 15 and tonumber(text) or 0
if version ~= tonumber(ARGV[1]) then return { 0, version } end
local record = { 'version', version + 1, 'actor', ARGV[2], 'reason', ARGV[3] }
for at = 4, #ARGV, 2 do
  local name, to = ARGV[at], ARGV[at + 1]
  local from = redis.call('HGET', KEYS[1], name) or ''
  for _, part in ipairs({ 'name', name, 'from', from, 'to', to }) do record[#record + 1] = part end
  if to == '' then redis.call('HDEL', KEYS[1], name) else redis.call('HSET', KEYS[1], name, to) end
end
local id = redis.call('XADD', KEYS[2], 'MAXLEN', '~', 1000, '*', unpack(record))
redis.call('HSET', KEYS[1], 'version', version + 1, 'change', id)
return { 1, version + 1 }
`)
