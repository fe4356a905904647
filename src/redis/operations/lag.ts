import type { GroupLag, GroupStats } from '../../core/lag.ts'
import type { Connection } from '../connection.ts'
import { notAStream, replyCode } from '../errors.ts'
import { RETRY_CONSUMER } from '../keys.ts'
import { COMPARE, FIELD, NOW } from '../lua.ts'
import { AFTER, SCAN } from '../retention/retention-lua.ts'
import { retentionKey } from '../retention/retention.ts'
import { Script } from '../script.ts'

/** How many entries are counted at most, on either side of where a group is. */
const COUNTED = 1_000

type LagReply = [behind: number, pending: number, waiting: number, oldestMs: number, lastDelivered: string]

/**
 * `behind(group, most)`: how many entries a group, by its row of XINFO GROUPS, was not delivered yet; -1: unknown. KEYS:
 * stream, record of retention. The server's own lag is the last resort: it is nil after XDEL, and counts for ever what was
 * trimmed before the group read it. So the ids decide where they can, then a count of what is before or behind the group,
 * at most so many; and the server is believed only when both agree and nobody but retention, which deletes nothing unread,
 * deleted single entries.
 */
export const BEHIND = `
local function behind(group, most)
  local delivered, info = field(group, 'last-delivered-id'), redis.call('XINFO', 'STREAM', KEYS[1])
  local length, first, last = field(info, 'length'), field(info, 'first-entry'), field(info, 'last-entry')
  if length == 0 or not less(delivered, last[1]) then return 0 end
  if less(delivered, first[1]) then return length end
  local unread, all = scan(after(delivered), '+', most)
  if all then return #unread end
  local read, allRead = scan('-', delivered, most)
  if allRead then return length - #read end
  local lag, deleted = field(group, 'lag'), field(info, 'max-deleted-entry-id')
  local trusted = deleted == '0-0' or deleted and deleted == redis.call('HGET', KEYS[2], 'around')
  if lag and trusted and lag >= #unread and lag <= length - #read then return lag end
  return -1
end
`

/**
 * KEYS: stream, record of retention. ARGV: group.
 * Answers: entries behind (-1: unknown); pending; waiting for their retry; age of the oldest other (-1: none); last
 * delivered. Null when the group is gone.
 */
export const lagScript = new Script<LagReply | null>(`
${NOW}${COMPARE}${FIELD}${AFTER}${SCAN}${BEHIND}
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local group
for _, row in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  if field(row, 'name') == ARGV[1] then group = row end
end
if not group then return false end

-- The summary names consumers that hold something, however much that is.
local summary = redis.call('XPENDING', KEYS[1], ARGV[1])
local waiting, oldest = 0, nil
for _, consumer in ipairs(summary[4] or {}) do
  if consumer[1] == '${RETRY_CONSUMER}' then
    waiting = tonumber(consumer[2])
  else
    local row = redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, consumer[1])[1]
    if row and (not oldest or less(row[1], oldest)) then oldest = row[1] end
  end
end
local age = oldest and math.max(0, now - tonumber(string.match(oldest, '^%d+'))) or -1
return { behind(group, ${COUNTED}), summary[1], waiting, age, field(group, 'last-delivered-id') }
`)

/** The lag of groups on Redis; the master's, since a replica's own counts differ. */
export class RedisGroupStats implements GroupStats {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /**
   * One call a group, and none of them long: what is pending is not read, however much it is.
   *
   * @throws MillraceError `UNKNOWN_STREAM` where the name holds something else than a stream
   * @example
   * for (const { group, behind } of await stats.lag('user:events')) console.log(group, behind)
   */
  async lag(stream: string): Promise<GroupLag[]> {
    const lags: GroupLag[] = []
    for (const group of await this.#groups(stream)) {
      const reply = await lagScript.run(this.#connection, [stream, retentionKey(stream)], [group])
      if (reply) lags.push(toLag(group, reply))
    }
    return lags
  }

  async #groups(stream: string): Promise<string[]> {
    try {
      const rows = await this.#connection.send<unknown[][]>(['XINFO', 'GROUPS', stream])
      return rows.map((row) => String(row[row.indexOf('name') + 1]))
    } catch (error) {
      if (replyCode(error) === 'WRONGTYPE') throw notAStream(stream, error)
      if (/no such key/.test((error as Error).message)) return []
      throw error
    }
  }
}

function toLag(group: string, reply: LagReply): GroupLag {
  const [behind, pending, waiting, oldestMs, lastDelivered] = reply
  return {
    group,
    behind: behind < 0 ? 'unknown' : behind,
    pending,
    waiting,
    ...(oldestMs >= 0 && { oldestPendingAgeMs: oldestMs }),
    lastDelivered,
  }
}
