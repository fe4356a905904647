import type { Connection } from '../../src/redis/connection.ts'

/** How large a Redis is made. Groups, consumers and pending entries are shared evenly among what they belong to. */
export interface Population {
  streams: number
  groups: number
  consumers: number
  pending: number
  /** Entries of a stream that no group was delivered yet (20). */
  unread?: number
  /** Of each entry's only field, in bytes (100). */
  payloadBytes?: number
}

/** What counts as a large Redis. */
export const LARGE: Population = { streams: 1_000, groups: 5_000, consumers: 10_000, pending: 1_000_000 }
/** For a quick look. */
export const SMALL: Population = { streams: 100, groups: 500, consumers: 1_000, pending: 100_000 }

/** How many streams are made at once. */
const AT_ONCE = 8

/**
 * KEYS: stream. ARGV: how many entries are delivered to each group, how many are not, groups, consumers a group, payload.
 * A stream of plain commands, as other software would have written it.
 */
const FILL = `
local delivered, unread, groups, consumers = unpack(ARGV, 1, 4)
for n = 1, delivered + unread do redis.call('XADD', KEYS[1], '*', 'data', ARGV[5]) end
for g = 1, groups do
  local group = 'group-' .. g
  redis.call('XGROUP', 'CREATE', KEYS[1], group, '0')
  local share = math.ceil(delivered / consumers)
  for c = 1, consumers do
    local count = math.min(share, delivered - (c - 1) * share)
    local name = 'consumer-' .. c
    redis.call('XGROUP', 'CREATECONSUMER', KEYS[1], group, name)
    if count > 0 then
      redis.call('XREADGROUP', 'GROUP', group, name, 'COUNT', count, 'STREAMS', KEYS[1], '>')
    end
  end
end
return delivered * groups
`

/**
 * Fills a Redis that is empty with streams named `stream-<n>`, each with groups `group-<n>` and consumers `consumer-<n>`.
 * Answers how many entries are pending. A large one takes a few seconds.
 *
 * @example
 * await populate(connection, LARGE)
 */
export async function populate(connection: Connection, population: Population): Promise<number> {
  const { streams, unread = 20, payloadBytes = 100 } = population
  const groups = Math.ceil(population.groups / streams)
  const consumers = Math.ceil(population.consumers / population.groups)
  const delivered = Math.ceil(population.pending / population.groups)
  const args = [delivered, unread, groups, consumers, 'x'.repeat(payloadBytes)].map(String)
  let [next, pending] = [0, 0]
  const work = async () => {
    while (next < streams) {
      const stream = `stream-${next++}`
      const made = await connection.send<number>(['EVAL', FILL, '1', stream, ...args], 60_000)
      pending += made
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return pending
}
