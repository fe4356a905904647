import type { PendingResult } from '../../core/group-members.ts'
import type { JsonFlags } from '../flags.ts'
import { print, printJson, say, sayDryRun, type Io } from '../io.ts'
import { plural } from '../output/format.ts'

/** @param done what was done to the entries, such as `released` */
export async function reportPending(
  io: Io,
  { json, dryRun = false }: JsonFlags & { dryRun?: boolean },
  done: string,
  result: PendingResult,
): Promise<void> {
  if (json) return printJson(io, { ...result, dryRun })
  const entries = plural(result.done, 'entry', 'entries')
  await print(io, dryRun ? `${entries} would be ${done}` : `${done} ${entries}`)
  if (dryRun) sayDryRun(io)
  if (result.trimmed > 0)
    say(io, `${plural(result.trimmed, 'entry', 'entries')} not in the stream any more: let go of`)
  if (result.missing > 0) say(io, `${plural(result.missing, 'position')} not pending in this group`)
}
