import type { RefusalCode } from '../../core/dead-letters.ts'
import { RECORD } from '../operations/action-record.ts'
import { LETTER } from './dead-letter-lua.ts'
import { FIELD } from '../lua.ts'
import { HAS_GROUP, IDENTIFY, MARK_COPY, MAX_COPY_PARTS, WALK, WRONG_TYPE } from '../replay/replay-lua.ts'
import { Script } from '../script.ts'

/*
 * KEYS: dead letters, edits, actions, stream, inlet of the group; a script takes as many of them as it needs.
 * Binary fields would not survive a way through this process, so letters are copied on the server alone.
 */

/** ARGV[5] to ARGV[7]: group, type and error, `` for any. */
const FITS = `
local function fits(fields, why)
  return (ARGV[5] == '' or why['deadletter-group'] == ARGV[5])
    and (ARGV[7] == '' or why['deadletter-error'] == ARGV[7])
    and (ARGV[6] == '' or type_of(fields, why) == ARGV[6])
end
`

/** Of a letter: id, its fields as they came, why it is there in turn, its edit (`` for none) and the digest of that. */
export type LetterRow = [id: string, own: string[], why: string[], edit: string, digest: string]

const ROW = `
local function row_of(id, own, why, edit)
  local reasons = {}
  for name, value in pairs(why) do
    reasons[#reasons + 1] = name
    reasons[#reasons + 1] = value
  end
  return { id, own, reasons, edit or '', edit and redis.sha1hex(edit) or '' }
end
`

/**
 * Looks through letters. ARGV: XRANGE or XREVRANGE, from, to, how many to look at, the filter, how many to find.
 * Answers the last one looked at (`` at the end) and what was found.
 */
export const listScript = new Script<[next: string, rows: LetterRow[]]>(`
${LETTER}${WALK}${FITS}${ROW}
local rows = {}
local next = walk(ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), function(entry)
  local own, why = open(entry[2])
  local fields, edit = current(entry[1], own)
  if fits(fields, why) then rows[#rows + 1] = row_of(entry[1], own, why, edit) end
  return #rows == tonumber(ARGV[8])
end)
return { next, rows }
`)

/** As {@link listScript}, but answers only ids and groups (`` for what is no letter). */
export const findScript = new Script<[next: string, heads: [id: string, group: string][]]>(`
${LETTER}${WALK}${FITS}
local heads = {}
local next = walk(ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), function(entry)
  local own, why = open(entry[2])
  if fits(current(entry[1], own), why) then heads[#heads + 1] = { entry[1], why['deadletter-group'] or '' } end
  return #heads == tonumber(ARGV[8])
end)
return { next, heads }
`)

/** ARGV: ids. Answers the groups in the order of the ids: `` for what is no letter, nothing for what is gone. */
export const groupsScript = new Script<(string | null)[]>(`
${LETTER}
local groups = {}
for n, id in ipairs(ARGV) do
  local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
  local own, why = open(entry and entry[2] or {})
  groups[n] = entry and (why['deadletter-group'] or '') or false
end
return groups
`)

/** ARGV: id. Answers nothing when it is gone. */
export const getScript = new Script<LetterRow | null>(`
${LETTER}${ROW}
local entry = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not entry then return false end
local own, why = open(entry[2])
local _, edit = current(ARGV[1], own)
return row_of(ARGV[1], own, why, edit)
`)

export type CountRow = [
  group: string,
  error: string,
  type: string,
  count: number,
  first: string,
  last: string,
]

/** ARGV as of {@link listScript}, without the last. Answers the last one looked at, how many were, and counts. */
export const summaryScript = new Script<[next: string, shown: number, rows: CountRow[]]>(`
${LETTER}${WALK}${FITS}
local rows, known = {}, {}
local next, shown = walk(ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), function(entry)
  local own, why = open(entry[2])
  local fields = current(entry[1], own)
  if not fits(fields, why) then return end
  local group, problem = why['deadletter-group'] or '', why['deadletter-error'] or ''
  local kind = type_of(fields, why) or ''
  local key = group .. '\\n' .. kind .. '\\n' .. problem
  local row = known[key]
  if not row then
    row = { group, problem, kind, 0, entry[1], entry[1] }
    known[key] = row
    rows[#rows + 1] = row
  end
  row[4] = row[4] + 1
  row[6] = entry[1]
end)
return { next, shown, rows }
`)

/**
 * Edits a letter. ARGV[5]: id; ARGV[6]: `set` to replace single fields of what the digest ARGV[7] is of, `all` to
 * replace all of them, `original` to forget the edits; ARGV[8…]: names and values.
 * Answers `gone` when the letter is, and `changed` when somebody else has edited it meanwhile.
 */
export const editScript = new Script<'ok' | 'gone' | 'changed'>(
  `
${LETTER}${WRONG_TYPE}${RECORD}
local wrong = wrong_type(KEYS[2], 'hash') or wrong_type(KEYS[3], 'stream')
if wrong then return wrong end
local entry = redis.call('XRANGE', KEYS[1], ARGV[5], ARGV[5])[1]
if not entry then return 'gone' end
local own, why = open(entry[2])
local fields, edit = current(ARGV[5], own)
if ARGV[6] == 'set' and (edit and redis.sha1hex(edit) or '') ~= ARGV[7] then return 'changed' end
if ARGV[6] == 'original' then
  redis.call('HDEL', KEYS[2], ARGV[5])
else
  if ARGV[6] == 'all' then fields = {} end
  local at = {}
  for i = 1, #fields, 2 do at[fields[i]] = i + 1 end
  for i = 8, #ARGV, 2 do
    local place = ARGV[6] == 'set' and at[ARGV[i]]
    if place then
      fields[place] = ARGV[i + 1]
    else
      fields[#fields + 1] = ARGV[i]
      fields[#fields + 1] = ARGV[i + 1]
    end
  end
  redis.call('HSET', KEYS[2], ARGV[5], cjson.encode(fields))
end
local names = {}
for i = 8, math.min(#ARGV, 208), 2 do names[#names + 1] = ARGV[i] end
record(KEYS[3], 'edit', { 'group', why['deadletter-group'] or '', 'count', 1, 'ids', ARGV[5],
  'change', ARGV[6], 'fields', table.concat(names, ' ') })
-- Edits of letters that were trimmed meanwhile are of no use to anybody.
local some = redis.call('HSCAN', KEYS[2], 0, 'COUNT', 20)[2]
for i = 1, #some, 2 do
  if #redis.call('XRANGE', KEYS[1], some[i], some[i]) == 0 then redis.call('HDEL', KEYS[2], some[i]) end
end
return 'ok'
`,
  { takesMemory: true },
)

/** Per letter: `ok`, `gone`, or why it stays. Fewer than asked for when that was enough for one step. */
export type Verdicts = ('ok' | 'gone' | RefusalCode)[]

/**
 * Gives letters of one group back to it, each in one step with its removal.
 * ARGV[5]: the group; ARGV[6]: 1 to change nothing; ARGV[7…]: ids.
 */
export const redriveScript = new Script<Verdicts>(
  `
${FIELD}${LETTER}${HAS_GROUP}${IDENTIFY}${MARK_COPY}${WRONG_TYPE}${RECORD}
local wrong = wrong_type(KEYS[2], 'hash') or wrong_type(KEYS[3], 'stream') or wrong_type(KEYS[4], 'stream')
  or wrong_type(KEYS[5], 'stream')
if wrong then return wrong end
local alive, dry = has_group(KEYS[4], ARGV[5]), ARGV[6] == '1'
local verdicts, done, size = {}, {}, 0

local function redrive(id)
  local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
  if not entry then return 'gone' end
  local own, why = open(entry[2])
  local position = why['deadletter-position']
  if not position or why['deadletter-group'] ~= ARGV[5] then return 'not-a-letter' end
  if not alive then return 'unknown-group' end
  local fields = current(id, own)
  if #fields == 0 then return 'trimmed' end
  if #fields > ${MAX_COPY_PARTS} then return 'too-wide' end
  for _, part in ipairs(fields) do size = size + #part end
  if dry then return 'ok' end
  identify(fields, ARGV[3], position)
  mark_copy(fields, position, 'redrive')
  local added = redis.pcall('XADD', KEYS[5], '*', unpack(fields))
  if type(added) == 'table' then return nil, added end
  redis.call('XDEL', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
  done[#done + 1] = id
  return 'ok'
end

for n = 7, #ARGV do
  local verdict, failure = redrive(ARGV[n])
  -- What was done before the failure has to be written down, so the failure waits for the next call.
  if failure and #done == 0 then return failure end
  if failure then break end
  verdicts[#verdicts + 1] = verdict
  if size > 1000000 then break end
end
if #done > 0 then
  record(KEYS[3], 'redrive', { 'group', ARGV[5], 'count', #done, 'ids', table.concat(done, ' ') })
end
return verdicts
`,
  { takesMemory: true },
)

/** Deletes letters of one group. ARGV as of {@link redriveScript}. */
export const discardScript = new Script<Verdicts>(`
${WRONG_TYPE}${RECORD}
local wrong = wrong_type(KEYS[2], 'hash') or wrong_type(KEYS[3], 'stream')
if wrong then return wrong end
local verdicts, done = {}, {}
for n = 7, #ARGV do
  local id = ARGV[n]
  if #redis.call('XRANGE', KEYS[1], id, id) == 0 then
    verdicts[#verdicts + 1] = 'gone'
  else
    verdicts[#verdicts + 1] = 'ok'
    if ARGV[6] ~= '1' then
      redis.call('XDEL', KEYS[1], id)
      redis.call('HDEL', KEYS[2], id)
      done[#done + 1] = id
    end
  end
end
if #done > 0 then
  record(KEYS[3], 'discard', { 'group', ARGV[5], 'count', #done, 'ids', table.concat(done, ' ') })
end
return verdicts
`)
