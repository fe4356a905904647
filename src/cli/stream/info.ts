import type { Hold } from '../../core/holds.ts'
import { positionTime } from '../../core/position.ts'
import type { StreamInfo } from '../../core/stream-info.ts'
import type { JsonFlags } from '../flags.ts'
import { GROUP_COLUMNS, groupsOf, unknownStream } from '../group/list.ts'
import { print, printJson, type Io } from '../io.ts'
import { printFacts } from '../output/facts.ts'
import { formatAge, formatCount } from '../output/format.ts'
import { printTable } from '../output/table.ts'
import { withOperations } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'

/** `millrace stream info`: a stream, its groups, and what keeps its entries. */
export const streamInfoCommand = (io: Io, stream: string, flags: RedisFlags & JsonFlags): Promise<void> =>
  withOperations(
    io,
    flags,
    async ({ operations }) => {
      const info = await operations.streams.info(stream)
      if (!info) throw unknownStream(stream)
      const groups = await groupsOf(operations, stream)
      const holds = await operations.holds.list(stream)
      if (flags.json) {
        const trimmedUnread = Object.fromEntries(info.trimmedUnread)
        return printJson(io, { stream, ...info, trimmedUnread, groups, holds })
      }
      await printFacts(io, factsOf(stream, info, holds))
      if (groups.length === 0) return
      await print(io, '')
      await printTable(io, groups, GROUP_COLUMNS)
    },
    { names: { stream } },
  )

function factsOf(
  stream: string,
  info: StreamInfo,
  holds: readonly Hold[],
): Record<string, string | undefined> {
  const lost = [...info.trimmedUnread].map(([group, count]) => `${group} ${formatCount(count)}`)
  return {
    stream,
    length: formatCount(info.length),
    first: placed(info.first),
    last: placed(info.last),
    'last generated': info.lastGenerated,
    groups: formatCount(info.groupCount),
    'dead letters': formatCount(info.deadLetters),
    'trimmed unread': lost.length === 0 ? undefined : lost.join(', '),
    'held from':
      holds.length === 0 ? undefined : holds.map(({ name, position }) => `${position} (${name})`).join(', '),
  }
}

const placed = (position: string | undefined): string | undefined =>
  position && `${position} (${formatAge(Math.max(0, Date.now() - positionTime(position)))} ago)`
