import type { PendingOptions, PendingResult } from '../../core/group-members.ts'
import { confirm } from '../confirm.ts'
import type { DestructiveFlags, JsonFlags, LivenessFlags } from '../flags.ts'
import { given } from '../given.ts'
import type { Io } from '../io.ts'
import { operatorOf } from '../operator.ts'
import { plural } from '../output/format.ts'
import { reportPending } from './report.ts'
import { withOperations } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'

export interface PendingChangeFlags extends RedisFlags, JsonFlags, DestructiveFlags, LivenessFlags {
  force?: boolean
}

/** `millrace pending ack`: entries are done because an operator says so. */
export const pendingAcknowledgeCommand = (
  io: Io,
  stream: string,
  group: string,
  positions: readonly string[],
  flags: PendingChangeFlags,
): Promise<void> =>
  withOperations(
    io,
    flags,
    async ({ operations: { members } }) => {
      const options = pendingOptions(flags)
      const acknowledge = (dryRun: boolean): Promise<PendingResult> =>
        members.acknowledge(stream, group, { positions }, { ...options, dryRun })
      const expected = await acknowledge(true)
      if (flags.dryRun) return reportPending(io, flags, 'acknowledged', expected)
      await confirm(io, flags, {
        what: `the group ${JSON.stringify(group)}`,
        name: group,
        consequences: [
          `${plural(expected.done, 'entry', 'entries')} will count as done though nobody ran them`,
        ],
      })
      await reportPending(io, flags, 'acknowledged', await acknowledge(false))
    },
    { names: { stream, group } },
  )

export const pendingOptions = ({
  dryRun,
  force,
  deadAfter,
  ...flags
}: PendingChangeFlags): PendingOptions => ({
  ...operatorOf(flags),
  ...given({ minIdleMs: deadAfter }),
  dryRun: dryRun === true,
  force: force === true,
})
