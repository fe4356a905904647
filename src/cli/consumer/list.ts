import type { ConsumerStatus } from '../../core/group-members.ts'
import type { JsonFlags, LivenessFlags } from '../flags.ts'
import { given } from '../given.ts'
import { printJson, say, type Io } from '../io.ts'
import { formatAge, formatCount } from '../output/format.ts'
import type { Style } from '../output/style.ts'
import { printTable, type Column } from '../output/table.ts'
import { withOperations } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'

/** `millrace consumer ls`: who reads for a group. */
export const consumerListCommand = (
  io: Io,
  stream: string,
  group: string,
  flags: RedisFlags & JsonFlags & LivenessFlags,
): Promise<void> =>
  withOperations(
    io,
    flags,
    async ({ operations }) => {
      const consumers = await operations.members.consumers(
        stream,
        group,
        given({ minIdleMs: flags.deadAfter }),
      )
      if (flags.json) return printJson(io, consumers)
      if (consumers.length === 0) return say(io, 'nobody reads for this group')
      await printTable(io, consumers, CONSUMER_COLUMNS)
    },
    { names: { stream, group } },
  )

const STYLES: Readonly<Record<ConsumerStatus['state'], Style | undefined>> = {
  live: 'green',
  dead: 'red',
  retry: undefined,
}

export const CONSUMER_COLUMNS: readonly Column<ConsumerStatus>[] = [
  { title: 'CONSUMER', text: ({ name }) => name, shrinks: true },
  { title: 'STATE', text: ({ state }) => state, style: ({ state }) => STYLES[state] },
  { title: 'PENDING', text: ({ pending }) => formatCount(pending), align: 'right' },
  { title: 'IDLE', text: ({ idleMs }) => formatAge(idleMs), align: 'right' },
  { title: 'HEARTBEAT', text: ({ heartbeatMs }) => heartbeat(heartbeatMs), align: 'right' },
]

const heartbeat = (ms: number | undefined): string => (ms === undefined ? '-' : `${formatAge(ms)} ago`)
