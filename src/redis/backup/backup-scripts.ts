import { FIELD } from '../lua.ts'
import { Script } from '../script.ts'

/**
 * Where a log ends, and where each group stands at the same moment. XINFO answers the first and the last entry as well,
 * which may be large, so it is read here. KEYS: log, what waits for its time.
 * Answers nothing where there is no log; head of what waits: score and id, `inf` where nothing does.
 */
export const logScript = new Script<
  | [
      last: Buffer,
      added: number,
      groups: [name: Buffer, delivered: Buffer, entriesRead: number][],
      due: [score: Buffer, id: Buffer],
    ]
  | null
>(
  `
${FIELD}
if redis.call('TYPE', KEYS[1])['ok'] ~= 'stream' then return false end
local info, groups = redis.call('XINFO', 'STREAM', KEYS[1]), {}
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  groups[#groups + 1] = { field(group, 'name'), field(group, 'last-delivered-id'), field(group, 'entries-read') or -1 }
end
local head = { 'inf', '' }
if redis.call('TYPE', KEYS[2])['ok'] == 'zset' then
  local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
  if first[1] then head = { first[2], first[1] } end
end
return { field(info, 'last-generated-id'), field(info, 'entries-added') or 0, groups, head }
`,
  { onlyReads: true },
)

/** The highest position that was ever deleted from a log. */
export const deletedScript = new Script<string>(
  `
${FIELD}
if redis.call('TYPE', KEYS[1])['ok'] ~= 'stream' then return '0-0' end
return field(redis.call('XINFO', 'STREAM', KEYS[1]), 'max-deleted-entry-id') or '0-0'
`,
  { onlyReads: true },
)
