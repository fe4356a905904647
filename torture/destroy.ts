import { effectsStream, LANES, LANE_NAMES, type LaneName } from './load.ts'
import type { Topology } from './topologies/topology.ts'

/** What is destroyed: everything, a stream, a group of it, or entries of a stream that are pending. */
export type Target =
  | { what: 'all' }
  | { what: 'stream'; lane: LaneName }
  | { what: 'group'; lane: LaneName; group: string }
  | { what: 'pending'; lane: LaneName }

/** `<position> <event id>` of an entry. */
export type Marked = string

/** How a stream stood in the very step in which something of it was destroyed. */
export interface StreamState {
  /** Its last position; empty where it did not exist. */
  readonly last: string
  readonly groups: Readonly<Record<string, GroupState>>
  /** Its dead letters, where those were destroyed too, as JSON of {@link Letter} each. */
  readonly letters: readonly string[]
  /** Event ids of effects that were produced, in their order, where those were destroyed too. */
  readonly effects: readonly string[]
  /** Entries that were deleted one by one. */
  readonly trimmed: readonly Marked[]
}

export interface GroupState {
  /** Delivered, and not acknowledged. */
  readonly pending: readonly Marked[]
  /** Never delivered; all there is for a group that did not exist. */
  readonly unread: readonly Marked[]
  /** Everything at or below it was acknowledged, as the group remembered. */
  readonly low: string
  readonly delivered: string
}

export interface Letter {
  readonly id: string
  readonly position: string
  readonly group: string
  readonly attempts: number
  readonly error: string
  readonly reason: string
}

export interface Destroyed {
  readonly target: Target
  readonly streams: Readonly<Partial<Record<LaneName, StreamState>>>
}

/** Entries that are deleted of those that are pending. */
const TRIMMED = 30

/**
 * Looks at streams and destroys in one script, so that there is no moment between: what is accepted after it is no
 * part of the loss, and what had been acknowledged before it is none either.
 * KEYS: per stream itself, dead letters, effects. ARGV: groups per stream as JSON, then the step that destroys.
 */
const SCRIPT = `
local function field(list, name) for i = 1, #list, 2 do if list[i] == name then return list[i + 1] end end end
local function has(key) return redis.call('EXISTS', key) == 1 end
local function marked(entry) return entry[1] .. ' ' .. (field(entry[2], 'id') or '') end
local function all(key, from, into, map)
  while true do
    local page = redis.call('XRANGE', key, from, '+', 'COUNT', 500)
    for _, entry in ipairs(page) do into[#into + 1] = map(entry) end
    if #page < 500 then return into end
    from = '(' .. page[#page][1]
  end
end
local function group(key, name, rows)
  for _, info in ipairs(rows) do
    if field(info, 'name') == name then
      local pending, from = {}, '-'
      while true do
        local page = redis.call('XPENDING', key, name, from, '+', 500)
        for _, row in ipairs(page) do
          local entry = redis.call('XRANGE', key, row[1], row[1])[1]
          pending[#pending + 1] = entry and marked(entry) or row[1] .. ' '
        end
        if #page < 500 then break end
        from = '(' .. page[#page][1]
      end
      local delivered = field(info, 'last-delivered-id')
      return { pending = pending, unread = all(key, '(' .. delivered, {}, marked), delivered = delivered }
    end
  end
  return { pending = {}, unread = all(key, '-', {}, marked), delivered = '' }
end
local function letter(entry)
  local f, own = entry[2], field(entry[2], 'id')
  local function why(name)
    for i = #f - 1, 1, -2 do if f[i] == 'deadletter-' .. name then return f[i + 1] end end
    return ''
  end
  return cjson.encode({ id = own or '', position = why('position'), group = why('group'),
    attempts = tonumber(why('attempts')), error = why('error'), reason = why('reason') })
end
local step = cjson.decode(ARGV[#ARGV])
local out = {}
for n = 1, #KEYS / 3 do
  local key, letters, effects = KEYS[3 * n - 2], KEYS[3 * n - 1], KEYS[3 * n]
  local state = { last = '', groups = {}, letters = {}, effects = {}, trimmed = {} }
  if has(key) then
    state.last = field(redis.call('XINFO', 'STREAM', key), 'last-generated-id')
    local rows = redis.call('XINFO', 'GROUPS', key)
    for _, name in ipairs(cjson.decode(ARGV[n])) do
      state.groups[name] = group(key, name, rows)
      state.groups[name].low = redis.call('HGET', '{' .. key .. '}:group:' .. name, 'low') or ''
    end
  end
  if step.all and has(letters) then all(letters, '-', state.letters, letter) end
  if step.all and has(effects) then
    all(effects, '-', state.effects, function (entry) return cjson.decode(field(entry[2], 'data')) end)
  end
  if step.pending then
    for _, one in pairs(state.groups) do
      for _, mark in ipairs(one.pending) do
        if #state.trimmed < step.pending and redis.call('XDEL', key, string.match(mark, '^%S+')) == 1 then
          state.trimmed[#state.trimmed + 1] = mark
        end
      end
    end
  end
  out[n] = state
end
if step.command then redis.pcall(unpack(step.command)) end
return cjson.encode(out)`

/** Destroys it, and answers what was lost by that. */
export async function destroy(topology: Topology, target: Target): Promise<Destroyed> {
  const lanes = target.what === 'all' ? LANE_NAMES : [target.lane]
  const keys = lanes.flatMap((lane) => {
    const { stream } = LANES[lane]
    return [stream, `{${stream}}:dead-letter`, effectsStream(stream)]
  })
  const groups = lanes.map((lane) => JSON.stringify(LANES[lane].groups))
  const args = ['EVAL', SCRIPT, String(keys.length), ...keys, ...groups, JSON.stringify(stepOf(target))]
  const states = JSON.parse(await topology.send<string>(args, keys[0])) as StreamState[]
  return { target, streams: Object.fromEntries(lanes.map((lane, n) => [lane, tidied(states[n]!)])) }
}

function stepOf(target: Target) {
  switch (target.what) {
    case 'all':
      return { all: true, command: ['FLUSHALL'] }
    case 'stream':
      return { command: ['DEL', LANES[target.lane].stream] }
    case 'group':
      return { command: ['XGROUP', 'DESTROY', LANES[target.lane].stream, target.group] }
    case 'pending':
      return { pending: TRIMMED }
  }
}

/** Lua has one kind of table: an empty list arrives as an object. */
function tidied(state: StreamState): StreamState {
  const list = <T>(value: readonly T[]): readonly T[] => (Array.isArray(value) ? value : [])
  const groups = Object.entries(state.groups).map(([name, group]) => [
    name,
    { ...group, pending: list(group.pending), unread: list(group.unread) },
  ])
  return {
    last: state.last,
    groups: Object.fromEntries(groups) as Record<string, GroupState>,
    letters: list(state.letters),
    effects: list(state.effects),
    trimmed: list(state.trimmed),
  }
}
