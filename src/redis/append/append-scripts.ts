import { IDEMPOTENCY } from '../lua.ts'
import { Script } from '../script.ts'

/**
 * Writes runs of entries that share their field names.
 * KEYS: stream. ARGV, per run: how many names, how many entries, the names, then each entry's values.
 * Answers the positions.
 */
export const appendScript = new Script<string[]>(
  `
local argv, key, call, unpack = ARGV, KEYS[1], redis.call, unpack -- locals, since this loop is most of a publish
local ids, size, at, count = {}, 0, 0, #ARGV
while at < count do
  local names, entries = tonumber(argv[at + 1]), tonumber(argv[at + 2])
  local args = {}
  at = at + 2
  for n = 1, names do args[2 * n - 1] = argv[at + n] end
  at = at + names
  for e = 1, entries do
    for n = 1, names do args[2 * n] = argv[at + n] end
    at = at + names
    size = size + 1
    ids[size] = call('XADD', key, '*', unpack(args))
  end
end
return ids
`,
  { takesMemory: true },
)

/**
 * Writes entries of which some carry an idempotency key.
 * KEYS: stream, then the idempotency keys. ARGV: time to live in ms, 1 to write a known key anew, then per entry: the
 * index of its key in KEYS (0 for none), the digest of its fields, how many arguments follow, and names and values in
 * turn.
 * Answers per entry its position, or \`!\` when the key was used for other content.
 * Types are checked before anything is written, since a script that fails half-way does not roll back.
 */
export const appendOnceScript = new Script<string[]>(
  `
${IDEMPOTENCY}
local kind = redis.call('TYPE', KEYS[1])['ok']
if kind ~= 'none' and kind ~= 'stream' then return redis.error_reply('WRONGTYPE the key holds a ' .. kind) end
local wrong = wrongKey(2)
if wrong then return wrong end
local ids, at = {}, 3
while at <= #ARGV do
  local key, digest, count = KEYS[tonumber(ARGV[at])], ARGV[at + 1], tonumber(ARGV[at + 2])
  local known = key and redis.call('GET', key)
  if known then
    if ARGV[2] == '1' then redis.call('SET', key, known, 'KEEPTTL') end
    ids[#ids + 1] = knownAs(known, digest)
  else
    local id = redis.call('XADD', KEYS[1], '*', unpack(ARGV, at + 3, at + 2 + count))
    if key then redis.call('SET', key, id .. ' ' .. digest, 'PX', ARGV[1]) end
    ids[#ids + 1] = id
  end
  at = at + 3 + count
end
return ids
`,
  { takesMemory: true },
)
