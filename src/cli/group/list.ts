import { MillraceError } from '../../core/errors.ts'
import type { GroupLag } from '../../core/lag.ts'
import type { Operations } from '../../core/operations.ts'
import type { JsonFlags } from '../flags.ts'
import { given } from '../given.ts'
import { printJson, say, type Io } from '../io.ts'
import { formatAge, formatCount } from '../output/format.ts'
import { printTable, type Column } from '../output/table.ts'
import { withOperations } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'

/** How a group stands. */
export interface GroupRow extends GroupLag {
  /** Absent beyond the first hundred groups of a stream. */
  readonly consumers?: number
  /** Since when, ISO 8601 in UTC; absent while it runs. */
  readonly pausedSince?: string
}

/** `millrace group ls`: the groups of a stream. */
export const groupListCommand = (io: Io, stream: string, flags: RedisFlags & JsonFlags): Promise<void> =>
  withOperations(
    io,
    flags,
    async ({ operations }) => {
      const groups = await groupsOf(operations, stream)
      if (flags.json) return printJson(io, groups)
      if (groups.length === 0) return say(io, `${JSON.stringify(stream)} has no groups`)
      await printTable(io, groups, GROUP_COLUMNS)
    },
    { names: { stream } },
  )

/** @throws MillraceError `UNKNOWN_STREAM` */
export async function groupsOf(operations: Operations, stream: string): Promise<GroupRow[]> {
  const info = await operations.streams.info(stream)
  if (!info) throw unknownStream(stream)
  const consumers = new Map(info.groups.map(({ group, consumerCount }) => [group, consumerCount]))
  const lags = await operations.stats.lag(stream)
  return Promise.all(
    lags.map(async (lag) => {
      const since = await operations.control.pausedSince(stream, lag.group)
      const pausedSince = since === undefined ? undefined : new Date(since).toISOString()
      return { ...lag, ...given({ consumers: consumers.get(lag.group), pausedSince }) }
    }),
  )
}

export const unknownStream = (stream: string): MillraceError =>
  new MillraceError('UNKNOWN_STREAM', `there is no stream ${JSON.stringify(stream)}`)

export const GROUP_COLUMNS: readonly Column<GroupRow>[] = [
  { title: 'GROUP', text: ({ group }) => group, shrinks: true },
  {
    title: 'LAG',
    text: ({ behind }) => formatCount(behind),
    align: 'right',
    style: ({ behind }) => (behind === 'unknown' ? 'yellow' : undefined),
  },
  { title: 'PENDING', text: ({ pending }) => formatCount(pending), align: 'right' },
  { title: 'RETRYING', text: ({ waiting }) => formatCount(waiting), align: 'right' },
  { title: 'OLDEST', text: ({ oldestPendingAgeMs }) => formatAge(oldestPendingAgeMs), align: 'right' },
  {
    title: 'CONSUMERS',
    text: ({ consumers }) => formatCount(consumers),
    align: 'right',
    style: ({ consumers }) => (consumers === 0 ? 'red' : undefined),
  },
  { title: 'LAST DELIVERED', text: ({ lastDelivered }) => lastDelivered },
  {
    title: 'STATE',
    text: ({ pausedSince }) => (pausedSince === undefined ? 'running' : 'paused'),
    style: ({ pausedSince }) => (pausedSince === undefined ? undefined : 'yellow'),
  },
]
