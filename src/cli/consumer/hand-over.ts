import type { PendingSelection } from '../../core/group-members.ts'
import { CommandError, EXIT } from '../exit.ts'
import type { Io } from '../io.ts'
import { pendingOptions, type PendingChangeFlags } from '../pending/acknowledge.ts'
import { reportPending } from '../pending/report.ts'
import { withOperations } from '../with-operations.ts'

export interface ConsumerReleaseFlags extends PendingChangeFlags {
  position?: readonly string[]
}

export interface ConsumerClaimFlags extends ConsumerReleaseFlags {
  from?: string
  to: string
}

/** `millrace consumer claim`: entries change hands. */
export const consumerClaimCommand = (
  io: Io,
  stream: string,
  group: string,
  flags: ConsumerClaimFlags,
): Promise<void> => {
  const { from, to, position } = flags
  const selection = selectionOf(from, position, '--from CONSUMER')
  return withOperations(
    io,
    flags,
    async ({ operations: { members } }) => {
      const result = await members.claim(stream, group, selection, to, pendingOptions(flags))
      await reportPending(io, flags, `handed to ${to}`, result)
    },
    { names: { stream, group, consumer: from ?? to } },
  )
}

/** `millrace consumer release`: entries go back to the group. */
export const consumerReleaseCommand = (
  io: Io,
  stream: string,
  group: string,
  consumer: string | undefined,
  flags: ConsumerReleaseFlags,
): Promise<void> => {
  const selection = selectionOf(consumer, flags.position, 'a CONSUMER')
  return withOperations(
    io,
    flags,
    async ({ operations: { members } }) => {
      const result = await members.release(stream, group, selection, pendingOptions(flags))
      await reportPending(io, flags, 'released', result)
    },
    { names: { stream, group, consumer } },
  )
}

function selectionOf(
  consumer: string | undefined,
  positions: readonly string[] | undefined,
  how: string,
): PendingSelection {
  if (consumer !== undefined && positions === undefined) return { consumer }
  if (consumer === undefined && positions !== undefined) return { positions }
  throw new CommandError(`say which entries: either ${how} or --position POSITION`, EXIT.usage)
}
