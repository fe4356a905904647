import { inletKey, groupKeys, RETRY_CONSUMER } from '../keys.ts'
import { COMPARE, FIELD, NOW } from '../lua.ts'
import { BEHIND } from '../operations/lag.ts'
import { AFTER, SCAN } from '../retention/retention-lua.ts'
import { Script } from '../script.ts'
import { LIVE_HEARTBEAT_MS, POISON_DELIVERIES } from './thresholds.ts'

/* What explains a group is gathered by scripts that the server keeps from writing, each of a bounded size. */

/** How many of the oldest pending entries are looked at, and how much of their content, in bytes. */
const OLDEST = 100
const MOST_BYTES = 262_144
/** How many heartbeats are read, the newest; and of how many live consumers the oldest entry. */
const HEARTBEATS = 1_000
const LIVE_LOOKED_AT = 20
/** How many entries are counted at most, on either side of where a group is. */
const COUNTED = 200

export type GroupRow = [
  name: string,
  consumers: number,
  pending: number,
  lastDelivered: string,
  entriesRead: number,
  lag: number,
  recordedGone: number,
]
export type StreamReply = [
  now: number,
  length: number,
  added: number,
  first: string,
  last: string,
  maxDeleted: string,
  around: string,
  groups: GroupRow[],
]

/**
 * KEYS: stream, record of retention. How the stream and its groups stand; -1 for what the server can't tell. Null where
 * the key holds no stream.
 */
export const streamScript = new Script<StreamReply | null>(
  `
${NOW}${FIELD}
local function typeOf(key) return redis.call('TYPE', key)['ok'] end
if typeOf(KEYS[1]) ~= 'stream' then return false end
local info = redis.call('XINFO', 'STREAM', KEYS[1])
local kept = typeOf(KEYS[2]) == 'hash'
local function recorded(name) return kept and tonumber(redis.call('HGET', KEYS[2], name)) or 0 end
local groups, first = {}, field(info, 'first-entry')
if field(info, 'groups') > 0 then
  for index, row in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    local name = field(row, 'name')
    groups[index] = {
      name, field(row, 'consumers'), field(row, 'pending'), field(row, 'last-delivered-id'),
      field(row, 'entries-read') or -1, field(row, 'lag') or -1,
      recorded('unread group ' .. name) + recorded('pending group ' .. name),
    }
  end
end
return {
  now, field(info, 'length'), field(info, 'entries-added') or -1, first and first[1] or '',
  field(info, 'last-generated-id'), field(info, 'max-deleted-entry-id') or '0-0',
  kept and redis.call('HGET', KEYS[2], 'around') or '', groups,
}
`,
  { onlyReads: true },
)

type HeldRow = [consumer: string, position: string, idleMs: number, deliveries: number]
export type GroupReply = [
  now: number,
  millrace: 0 | 1,
  pausedSince: number,
  inlet: number,
  waiting: number,
  unread: string,
  oldest: [lookedAt: number, gone: number, firstGone: string, suspects: number, worst: HeldRow[]],
  held: HeldRow[],
  heartbeats: string[],
  started: string,
]

/**
 * KEYS: stream, then state, retry, heartbeats and inlet of the group. ARGV: group, last delivered, the highest position
 * that was deleted by itself. Beside that: the oldest entry that was not delivered; of the oldest pending entries how many
 * are gone and how many come back again and again; the oldest that each consumer holds, among them or of those that live.
 */
export const groupScript = new Script<GroupReply>(
  `
${NOW}${COMPARE}
local function is(key, kind) return redis.call('TYPE', key)['ok'] == kind end
local state, beats = is(KEYS[2], 'hash'), {}
if is(KEYS[4], 'zset') then beats = redis.call('ZRANGE', KEYS[4], 0, ${HEARTBEATS - 1}, 'REV', 'WITHSCORES') end
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local rows = redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', ${OLDEST})
-- They come in order, so mostly a look at the oldest shows that all are there.
local mayBeGone = rows[1] and (not first or less(rows[1][1], first[1]) or not less(ARGV[3], rows[1][1]))
local bytes = 0
local function isThere(id)
  if not first or less(id, first[1]) then return false end
  if less(ARGV[3], id) or bytes > ${MOST_BYTES} then return true end
  local row = redis.call('XRANGE', KEYS[1], id, id)[1]
  for _, part in ipairs(row and row[2] or {}) do bytes = bytes + #part end
  return row ~= nil
end

local gone, firstGone, suspects, held, known, worst = 0, '', 0, {}, {}, nil
local function hold(row)
  held[#held + 1] = { row[2], row[1], row[3], row[4] }
  known[row[2]] = true
end
for _, row in ipairs(rows) do
  if not known[row[2]] then hold(row) end
  if row[4] >= ${POISON_DELIVERIES} then
    suspects = suspects + 1
    if not worst or row[4] > worst[4] then worst = { row[2], row[1], row[3], row[4] } end
  end
  if mayBeGone and not isThere(row[1]) then
    if gone == 0 then firstGone = row[1] end
    gone = gone + 1
  end
end
for i = 1, math.min(#beats, ${2 * LIVE_LOOKED_AT}), 2 do
  if not known[beats[i]] and now - tonumber(beats[i + 1]) < ${LIVE_HEARTBEAT_MS} then
    local row = redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, beats[i])[1]
    if row then hold(row) end
  end
end

local waiting = 0
if known['${RETRY_CONSUMER}'] or is(KEYS[3], 'zset') then
  for _, one in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1])[4] or {}) do
    if one[1] == '${RETRY_CONSUMER}' then waiting = tonumber(one[2]) end
  end
end
local unread = redis.call('XRANGE', KEYS[1], '(' .. ARGV[2], '+', 'COUNT', 1)[1]
local millrace = #beats > 0 or waiting > 0 or state and redis.call('HEXISTS', KEYS[2], 'added') == 1
local paused = state and tonumber(redis.call('HGET', KEYS[2], 'paused') or nil)
return {
  now, millrace and 1 or 0, paused or -1, is(KEYS[5], 'stream') and redis.call('XLEN', KEYS[5]) or 0,
  waiting, unread and unread[1] or '', { #rows, gone, firstGone, suspects, { worst } }, held, beats,
  state and redis.call('HGET', KEYS[2], 'start') or '',
}
`,
  { onlyReads: true },
)

export function groupScriptKeys(stream: string, group: string): string[] {
  const { state, retry, heartbeats } = groupKeys(stream, group)
  return [stream, state, retry, heartbeats, inletKey(stream, group)]
}

/** KEYS: stream, record of retention. ARGV: group. How far it is behind, by counting; -1 where that takes too long. */
export const behindScript = new Script<number>(
  `
${FIELD}${COMPARE}${AFTER}${SCAN}${BEHIND}
for _, row in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  if field(row, 'name') == ARGV[1] then return behind(row, ${COUNTED}) end
end
return 0
`,
  { onlyReads: true },
)
