/**
 * What a dead letter consists of; for what scripts of settle-scripts.ts wrote.
 *
 * `open(fields)` answers the fields of the entry, and by name why it was given up: empty for what is no letter. What
 * says why comes last, so nothing that a publisher wrote can be taken for it.
 *
 * `current(id, own)` answers the fields with the edits, the text of the edits when there are some. KEYS[2]: the edits.
 *
 * `type_of(fields, why)` answers the event's type as the codec reads it.
 */
export const LETTER = `
local function open(fields)
  local at
  for i = #fields - 1, 1, -2 do
    if fields[i] == 'deadletter-stream' then
      at = i
      break
    end
  end
  if not at then return fields, {} end
  local own, why = {}, {}
  for i = 1, at - 1 do own[i] = fields[i] end
  for i = at, #fields, 2 do why[fields[i]] = fields[i + 1] end
  if #own == 2 and own[1] == 'deadletter-fields' then
    -- Very many fields lie there as JSON; fewer are what somebody published under that name.
    local read, wide = pcall(cjson.decode, own[2])
    if read and type(wide) == 'table' and #wide > 6000 then own = wide end
  end
  return own, why
end

local has_edits = redis.call('EXISTS', KEYS[2]) == 1
local function current(id, own)
  local edit = has_edits and redis.call('HGET', KEYS[2], id)
  if edit then return cjson.decode(edit), edit end
  return own
end

local function type_of(fields, why)
  local found = {}
  for i = 1, #fields, 2 do found[fields[i]] = fields[i + 1] end
  return found['type'] or found['eventType'] or found['event'] or why['deadletter-stream']
end
`
