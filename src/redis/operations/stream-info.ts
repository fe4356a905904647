import type { GroupInfo, StreamInfo, StreamInfos } from '../../core/stream-info.ts'
import type { Connection } from '../connection.ts'
import { notAStream, replyCode } from '../errors.ts'
import { deadLetterKey } from '../keys.ts'
import { FIELD } from '../lua.ts'
import { retentionKey } from '../retention/retention.ts'
import { Script } from '../script.ts'

/** So that a call is short, whatever there is: groups of a stream, and consumers that are named, of a group and of all. */
const MAX_GROUPS = 100
const MAX_CONSUMERS = 200
const MAX_CONSUMERS_IN_ALL = 1_000
/** The fields in which retention counts what a group did not get. */
const UNREAD = 'unread group '

type GroupReply = [
  name: string,
  consumers: number,
  pending: number,
  lastDelivered: string,
  entriesRead: number,
  lag: number,
  named: [name: string, pending: number, idleMs: number][],
]
type InfoReply = [
  numbers: [
    length: number,
    radixTreeKeys: number,
    radixTreeNodes: number,
    groups: number,
    deadLetters: number,
  ],
  positions: [lastGenerated: string, maxDeleted: string, first: string, last: string],
  groups: GroupReply[],
  dropped: string[],
]

/**
 * KEYS: stream, dead letters, record of retention. Within a script, so that the first and the last entry, which XINFO
 * answers as a whole, stay on the server. Numbers that the server does not know are -1. Null when there is no stream.
 */
const infoScript = new Script<InfoReply | null>(`
${FIELD}
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local info = redis.call('XINFO', 'STREAM', KEYS[1])
local function idOf(name)
  local entry = field(info, name)
  return entry and entry[1] or ''
end
local function typeOf(key) return redis.call('TYPE', key)['ok'] end

local groups, left = {}, ${MAX_CONSUMERS_IN_ALL}
for index, row in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  if index > ${MAX_GROUPS} then break end
  local name, count, named = field(row, 'name'), field(row, 'consumers'), {}
  if count <= ${MAX_CONSUMERS} and count <= left then
    left = left - count
    for at, one in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], name)) do
      named[at] = { field(one, 'name'), field(one, 'pending'), field(one, 'idle') }
    end
  end
  groups[index] = {
    name, count, field(row, 'pending'), field(row, 'last-delivered-id'),
    field(row, 'entries-read') or -1, field(row, 'lag') or -1, named,
  }
end

local letters = typeOf(KEYS[2]) == 'stream' and redis.call('XLEN', KEYS[2]) or 0
local dropped = typeOf(KEYS[3]) == 'hash' and redis.call('HGETALL', KEYS[3]) or {}
return {
  {
    field(info, 'length'), field(info, 'radix-tree-keys'), field(info, 'radix-tree-nodes'),
    field(info, 'groups'), letters,
  },
  {
    field(info, 'last-generated-id'), field(info, 'max-deleted-entry-id') or '0-0',
    idOf('first-entry'), idOf('last-entry'),
  },
  groups,
  dropped,
}
`)

/** What XINFO tells of streams on Redis, the master's, and what lies beside them. */
export class RedisStreamInfos implements StreamInfos {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /**
   * In one call.
   *
   * @throws MillraceError `UNKNOWN_STREAM` where the name holds something else than a stream
   * @example
   * const { length = 0 } = (await operations.streams.info('user:events')) ?? {}
   */
  async info(stream: string): Promise<StreamInfo | undefined> {
    const keys = [stream, deadLetterKey(stream), retentionKey(stream)]
    const reply = await infoScript.run(this.#connection, keys, []).catch((error: unknown) => {
      throw replyCode(error) === 'WRONGTYPE' ? notAStream(stream, error) : error
    })
    return reply ? toInfo(reply) : undefined
  }
}

function toInfo([numbers, positions, groups, dropped]: InfoReply): StreamInfo {
  const [length, radixTreeKeys, radixTreeNodes, groupCount, deadLetters] = numbers
  const [lastGenerated, maxDeleted, first, last] = positions
  return {
    length,
    radixTreeKeys,
    radixTreeNodes,
    groupCount,
    deadLetters,
    lastGenerated,
    maxDeleted,
    ...(first !== '' && { first }),
    ...(last !== '' && { last }),
    groups: groups.map(toGroup),
    trimmedUnread: unreadOf(dropped),
  }
}

function toGroup([
  group,
  consumerCount,
  pending,
  lastDelivered,
  entriesRead,
  lag,
  named,
]: GroupReply): GroupInfo {
  return {
    group,
    consumerCount,
    pending,
    lastDelivered,
    ...(entriesRead >= 0 && { entriesRead }),
    ...(lag >= 0 && { lag }),
    consumers: named.map(([name, own, idleMs]) => ({ name, pending: own, idleMs })),
  }
}

function unreadOf(flat: readonly string[]): Map<string, number> {
  const unread = new Map<string, number>()
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const name = flat[index]!
    if (name.startsWith(UNREAD)) unread.set(name.slice(UNREAD.length), Number(flat[index + 1]))
  }
  return unread
}
