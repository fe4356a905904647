import { InvalidError, MillraceError } from '../../core/errors.ts'
import { checkName } from '../../core/names.ts'
import type { EntryPage, EntryRange, ListedEntry, StreamEntries } from '../../core/stream-entries.ts'
import type { Connection } from '../connection.ts'
import { notAStream, replyCode } from '../errors.ts'
import { toPosition } from '../replay/replay-range.ts'
import { Script } from '../script.ts'
import { checkPage } from './action-record.ts'

/** Of one answer, in bytes of names and values. */
const MAX_BYTES = 1_000_000
/** Of one value of an entry that is larger than that by itself, and of how many of its names and values. */
const MAX_CUT_BYTES = 4_000
const MAX_CUT_PARTS = 100

type Row = [position: string, fields: string[], bytes: number, truncated: 0 | 1]

/**
 * KEYS: stream. ARGV: command, where to begin, where to end, how many. One entry after the other, so that one that is
 * large ends the page instead of filling the memory. Answers entries and whether there may be more; null without a stream.
 */
const listScript = new Script<[rows: Row[], more: 0 | 1] | null>(`
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local command, start, stop, left, bytes = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), 0
local rows = {}
while left > 0 do
  local found = redis.call(command, KEYS[1], start, stop, 'COUNT', 1)
  if #found == 0 then return { rows, 0 } end
  local id, fields = found[1][1], found[1][2]
  local size, truncated = 0, 0
  for _, part in ipairs(fields) do size = size + #part end
  if bytes + size > ${MAX_BYTES} then
    if #rows > 0 then return { rows, 1 } end
    truncated = 1
    local cut = {}
    for at = 1, math.min(#fields, ${MAX_CUT_PARTS}) do cut[at] = string.sub(fields[at], 1, ${MAX_CUT_BYTES}) end
    fields = cut
  end
  rows[#rows + 1] = { id, fields, size, truncated }
  bytes = bytes + size
  left = left - 1
  start = '(' .. id
end
return { rows, 1 }
`)

/**
 * Entries of streams on Redis, in either direction.
 *
 * @example
 * const entries = new RedisStreamEntries(connection)
 * const { entries: newest, next } = await entries.list('user:events', { limit: 10 })
 */
export class RedisStreamEntries implements StreamEntries {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  async list(stream: string, range: EntryRange = {}): Promise<EntryPage> {
    checkName('stream name', stream)
    const { after, limit = 50, order = 'newest' } = range
    checkPage(limit, after)
    const reply = await listScript
      .run(this.#connection, [stream], [...argumentsOf(range, order), String(limit)])
      .catch((error: unknown) => {
        throw replyCode(error) === 'WRONGTYPE' ? notAStream(stream, error) : error
      })
    if (!reply)
      throw new MillraceError('UNKNOWN_STREAM', `there is no stream "${stream}"; publishing to it creates it`)
    const [rows, more] = reply
    const entries = rows.map(toEntry)
    const last = entries.at(-1)
    return more === 1 && last ? { entries, next: last.position } : { entries }
  }
}

function argumentsOf({ from, to, after }: EntryRange, order: 'newest' | 'oldest'): string[] {
  const [first, last] = [toPosition('from', from, '-', 'first'), toPosition('to', to, '+', 'last')]
  const begin = (open: string) => (after === undefined ? open : `(${after}`)
  if (order === 'oldest') return ['XRANGE', begin(first), last]
  if (order === 'newest') return ['XREVRANGE', begin(last), first]
  throw new InvalidError('CONFIGURATION_INVALID', 'there is no such page', [
    { path: 'order', message: 'must be newest or oldest' },
  ])
}

const toEntry = ([position, fields, bytes, truncated]: Row): ListedEntry => ({
  position,
  fields,
  bytes,
  ...(truncated === 1 && { truncated: true as const }),
})
