import { FIELD } from '../lua.ts'
import { Script } from '../script.ts'

export type OverviewReply = [
  length: number,
  groups: number,
  consumers: number,
  pending: number,
  lag: number,
  lastGenerated: string,
  deadLetters: number,
]

/**
 * KEYS: stream, dead letters. A stream in numbers alone; a lag of -1 is one that the server can't tell. Null where the
 * key holds no stream, any more.
 */
export const overviewScript = new Script<OverviewReply | null>(
  `
${FIELD}
local function isStream(key) return redis.call('TYPE', key)['ok'] == 'stream' end
if not isStream(KEYS[1]) then return false end
local info = redis.call('XINFO', 'STREAM', KEYS[1])
local consumers, pending, lag = 0, 0, 0
local groups = field(info, 'groups') > 0 and redis.call('XINFO', 'GROUPS', KEYS[1]) or {}
for _, row in ipairs(groups) do
  consumers, pending = consumers + field(row, 'consumers'), pending + field(row, 'pending')
  local own = field(row, 'lag') or -1
  lag = (own < 0 or lag < 0) and -1 or math.max(lag, own)
end
local letters = isStream(KEYS[2]) and redis.call('XLEN', KEYS[2]) or 0
return { field(info, 'length'), #groups, consumers, pending, lag, field(info, 'last-generated-id'), letters }
`,
  { onlyReads: true },
)
