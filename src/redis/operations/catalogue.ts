import { literalPrefix, matchesGlob } from '../../core/glob.ts'
import { positionTime } from '../../core/position.ts'
import { isReservedName } from '../../core/reserved-names.ts'
import type { StreamCatalogue, StreamListing, StreamOverview } from '../../core/stream-catalogue.ts'
import type { Connection, ServerConnection } from '../connection.ts'
import { deadLetterKey } from '../keys.ts'
import { mapInSteps } from './in-steps.ts'
import { isOutOfReach } from './out-of-reach.ts'
import { overviewScript, type OverviewReply } from './overview-script.ts'

/** How many keys the server looks at in one call. */
const KEYS_PER_STEP = 500

/**
 * Finds the streams of a Redis, on all masters of a cluster.
 *
 * @example
 * for (const { stream, pending } of await catalogue.list({ match: 'user:*' })) console.log(stream, pending)
 */
export class RedisStreamCatalogue implements StreamCatalogue {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** A key that is being moved between masters is on both; one that is renamed meanwhile may be missed. */
  async names(listing: StreamListing = {}): Promise<string[]> {
    const found = new Set<string>()
    await this.#connection.whenReady(READY_WITHIN_MS)
    for (const master of this.#connection.masters())
      for await (const keys of streamsOf(master, listing))
        for (const key of keys) if (isWanted(key, listing)) found.add(key)
    return [...found].sort()
  }

  /** What the user has no right to is left out as well. */
  async list(listing: StreamListing = {}): Promise<StreamOverview[]> {
    const names = await this.names(listing)
    const overviews = await mapInSteps(names, (stream) => this.#overview(stream), listing.signal)
    return overviews.filter((overview) => overview !== undefined)
  }

  async #overview(stream: string): Promise<StreamOverview | undefined> {
    try {
      const reply = await overviewScript.run(this.#connection, [stream, deadLetterKey(stream)], [])
      return reply ? toOverview(stream, reply) : undefined
    } catch (error) {
      if (isOutOfReach(error)) return undefined
      throw error
    }
  }
}

/** How long is waited for a connection that is being made, in ms. */
const READY_WITHIN_MS = 10_000

/**
 * The server is given no more than what names begin with: the rest of a pattern would be of its own kind there, where
 * `?` is a byte and brackets mean something.
 */
async function* streamsOf(
  master: ServerConnection,
  { match = '*', signal }: StreamListing,
): AsyncGenerator<string[]> {
  const prefix = literalPrefix(match).replaceAll(/[[\]\\^-]/g, '\\$&')
  const filter = ['MATCH', `${prefix}*`, 'COUNT', String(KEYS_PER_STEP), 'TYPE', 'stream']
  let cursor = '0'
  do {
    signal?.throwIfAborted()
    const [next, keys] = await master.send<[string, string[]]>(['SCAN', cursor, ...filter])
    yield keys
    cursor = next
  } while (cursor !== '0')
}

const isWanted = (key: string, { match = '*', companions = false }: StreamListing): boolean =>
  matchesGlob(match, key) && (companions || !isReservedName(key))

function toOverview(stream: string, reply: OverviewReply): StreamOverview {
  const [length, groups, consumers, pending, lag, lastGenerated, deadLetters] = reply
  return {
    stream,
    length,
    groups,
    consumers,
    pending,
    lag: lag < 0 ? 'unknown' : lag,
    ...(lastGenerated !== '0-0' && { lastEntryAt: positionTime(lastGenerated) }),
    deadLetters,
  }
}
