import type { StreamListing, StreamOverview } from '../../core/stream-catalogue.ts'
import type { JsonFlags } from '../flags.ts'
import { given } from '../given.ts'
import { printJson, say, type Io } from '../io.ts'
import { formatAge, formatCount } from '../output/format.ts'
import { printTable, type Column } from '../output/table.ts'
import { withOperations } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'

export interface StreamListFlags extends RedisFlags, JsonFlags, StreamListing {
  sort: keyof typeof ORDERS
}

/** `millrace stream ls`: the streams and their numbers. */
export const streamListCommand = (io: Io, flags: StreamListFlags): Promise<void> =>
  withOperations(io, flags, async ({ operations }) => {
    const { match, companions } = flags
    const streams = await operations.catalogue.list(given({ match, companions }))
    streams.sort(ORDERS[flags.sort])
    if (flags.json) return printJson(io, streams)
    if (streams.length === 0) return say(io, 'there are no such streams')
    await printTable(io, streams, COLUMNS)
  })

/** What nobody knows may be the worst. */
const size = (count: number | 'unknown'): number => (count === 'unknown' ? Infinity : count)

const byName = (a: StreamOverview, b: StreamOverview): number =>
  a.stream < b.stream ? -1 : a.stream > b.stream ? 1 : 0

const largestFirst =
  (key: 'length' | 'lag' | 'pending') =>
  (a: StreamOverview, b: StreamOverview): number =>
    size(a[key]) === size(b[key]) ? byName(a, b) : size(b[key]) - size(a[key])

export const ORDERS = {
  length: largestFirst('length'),
  lag: largestFirst('lag'),
  pending: largestFirst('pending'),
  name: byName,
} as const

const COLUMNS: readonly Column<StreamOverview>[] = [
  { title: 'STREAM', text: ({ stream }) => stream, shrinks: true },
  { title: 'LENGTH', text: ({ length }) => formatCount(length), align: 'right' },
  { title: 'GROUPS', text: ({ groups }) => formatCount(groups), align: 'right' },
  { title: 'CONSUMERS', text: ({ consumers }) => formatCount(consumers), align: 'right' },
  { title: 'PENDING', text: ({ pending }) => formatCount(pending), align: 'right' },
  { title: 'LAG', text: ({ lag }) => formatCount(lag), align: 'right' },
  {
    title: 'DEAD',
    text: ({ deadLetters }) => formatCount(deadLetters),
    align: 'right',
    style: ({ deadLetters }) => (deadLetters > 0 ? 'yellow' : undefined),
  },
  {
    title: 'LAST ENTRY',
    text: ({ lastEntryAt }) =>
      lastEntryAt === undefined ? '-' : `${formatAge(Math.max(0, Date.now() - lastEntryAt))} ago`,
    align: 'right',
  },
]
