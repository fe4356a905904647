import type { ConsumerStatus } from '../../core/group-members.ts'
import { MillraceError } from '../../core/errors.ts'
import type { GroupExplanation } from '../../core/explain.ts'
import { CONSUMER_COLUMNS } from '../consumer/list.ts'
import type { JsonFlags } from '../flags.ts'
import { print, printJson, type Io } from '../io.ts'
import { printFacts } from '../output/facts.ts'
import { formatAge, formatCount } from '../output/format.ts'
import { printTable } from '../output/table.ts'
import { withOperations } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'
import { groupsOf, type GroupRow } from './list.ts'

/** `millrace group info`: all that there is to know of one group. */
export const groupInfoCommand = (
  io: Io,
  stream: string,
  group: string,
  flags: RedisFlags & JsonFlags,
): Promise<void> =>
  withOperations(
    io,
    flags,
    async ({ operations }) => {
      const rows = await groupsOf(operations, stream)
      const row = rows.find((one) => one.group === group)
      if (!row) throw unknownGroup(stream, group)
      const consumers = await operations.members.consumers(stream, group)
      const [explanation] = await operations.explain.explain({ stream, group, signal: io.signal })
      if (flags.json) return printJson(io, { stream, ...row, consumers, explanation })
      await show(io, stream, row, consumers, explanation)
    },
    { names: { stream, group } },
  )

const unknownGroup = (stream: string, group: string): MillraceError =>
  new MillraceError(
    'UNKNOWN_GROUP',
    `there is no group ${JSON.stringify(group)} on ${JSON.stringify(stream)}`,
  )

async function show(
  io: Io,
  stream: string,
  row: GroupRow,
  consumers: readonly ConsumerStatus[],
  explanation: GroupExplanation | undefined,
): Promise<void> {
  await printFacts(io, {
    stream,
    group: row.group,
    verdict: explanation && `${explanation.verdict}: ${explanation.summary}`,
    'paused since': row.pausedSince,
    'last delivered': row.lastDelivered,
    lag: formatCount(row.behind),
    pending: formatCount(row.pending),
    retrying: formatCount(row.waiting),
    'oldest pending': formatAge(row.oldestPendingAgeMs),
  })
  if (consumers.length === 0) return
  await print(io, '')
  await printTable(io, consumers, CONSUMER_COLUMNS)
}
