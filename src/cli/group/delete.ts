import { MillraceError } from '../../core/errors.ts'
import type { GroupDeletion } from '../../core/group-lifecycle.ts'
import { confirm } from '../confirm.ts'
import type { DestructiveFlags, JsonFlags } from '../flags.ts'
import { print, printJson, sayDryRun, type Io } from '../io.ts'
import { operatorOf } from '../operator.ts'
import { formatCount } from '../output/format.ts'
import { withOperations } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'

export interface GroupDeleteFlags extends RedisFlags, JsonFlags, DestructiveFlags {
  force?: boolean
}

/** `millrace group delete`: a group ends, with all that it has. */
export const groupDeleteCommand = (
  io: Io,
  stream: string,
  group: string,
  flags: GroupDeleteFlags,
): Promise<void> =>
  withOperations(
    io,
    flags,
    async ({ operations: { lifecycle } }) => {
      const remove = (dryRun: boolean): Promise<GroupDeletion> =>
        lifecycle.delete(stream, group, { ...operatorOf(flags), dryRun, force: flags.force === true })
      const what = `the group ${JSON.stringify(group)}`
      let deletion = await remove(true)
      if (!flags.force && deletion.live.length > 0) throw stillLives(group, deletion.live)
      if (!flags.dryRun) {
        await confirm(io, flags, { what, name: group, consequences: linesOf(deletion) })
        deletion = await remove(false)
      }
      if (flags.json) return printJson(io, { ...deletion, dryRun: flags.dryRun === true })
      for (const line of linesOf(deletion)) await print(io, line)
      await print(io, flags.dryRun ? `${what} would be deleted` : `deleted ${what}`)
      if (flags.dryRun) sayDryRun(io)
    },
    { names: { stream, group } },
  )

/** Before anybody is asked for the name: the answer would be the same after it. */
const stillLives = (group: string, live: readonly string[]): MillraceError =>
  new MillraceError(
    'GROUP_BUSY',
    `consumers of ${JSON.stringify(group)} live: ${live.join(', ')}. Stop them first: with --force they would create it again`,
  )

const linesOf = ({ pending, behind, live }: GroupDeletion): string[] => [
  `goes with it: ${formatCount(pending)} pending, ${formatCount(behind)} not read`,
  ...(live.length > 0 ? [`consumers that live would create it again: ${live.join(', ')}`] : []),
]
