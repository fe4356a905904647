import { RETRY_CONSUMER } from '../keys.ts'

/** A consumer of ours that was heard of within so many ms lives; they count as dead after as long. */
export const LIVE_MS = 10_000

/**
 * Who reads for the group ARGV[1] of KEYS[1], by the heartbeats in `beats` and, of other software, by its last command:
 * it is dead after `patience` ms. `known(name)`, and `lives(name)`. Listing 1000 consumers takes almost 1 ms, so it is
 * done only where a heartbeat says nothing. Needs NOW and FIELD.
 */
export const livesBy = (beats: string, patience: string): string => `
local idles
local function idle_of(name)
  if not idles then
    idles = {}
    for _, row in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
      idles[field(row, 'name')] = field(row, 'idle')
    end
  end
  return idles[name]
end
local function beat_of(name) return tonumber(redis.call('ZSCORE', ${beats}, name)) end
local function known(name) return (beat_of(name) or idle_of(name)) ~= nil end
local function lives(name)
  if name == '${RETRY_CONSUMER}' then return false end
  local beat = beat_of(name)
  if beat then return now - beat < ${LIVE_MS} end
  local idle = idle_of(name)
  return idle ~= nil and idle < tonumber(${patience})
end
`
