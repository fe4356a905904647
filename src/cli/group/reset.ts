import type { ResetPreview, ResetRequest } from '../../core/group-reset.ts'
import { confirm } from '../confirm.ts'
import type { DestructiveFlags, JsonFlags } from '../flags.ts'
import { print, printJson, sayDryRun, type Io } from '../io.ts'
import { operatorOf } from '../operator.ts'
import { formatCount, plural } from '../output/format.ts'
import { parsePlace, serverNow } from '../replay/place.ts'
import { withOperations } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'

export interface GroupResetFlags extends RedisFlags, JsonFlags, DestructiveFlags {
  to: string
  pending: 'keep' | 'drop'
  force?: boolean
}

/** `millrace group reset`: what it would mean first, then the deed. */
export const groupResetCommand = (
  io: Io,
  stream: string,
  group: string,
  flags: GroupResetFlags,
): Promise<void> =>
  withOperations(
    io,
    flags,
    async ({ operations: { resets }, log }) => {
      const to = placeOf(flags.to, serverNow(log))
      const request: ResetRequest = { stream, group, to, pending: flags.pending }
      const preview = await resets.preview(request)
      if (flags.dryRun) return showPreview(io, flags, preview)
      const what = `the group ${JSON.stringify(group)}`
      await confirm(io, flags, { what, name: group, consequences: linesOf(preview) })
      const done = await resets.reset(request, { ...operatorOf(flags), force: flags.force === true })
      if (flags.json) return printJson(io, { stream, group, ...done })
      await print(io, `${what} stood at ${done.from} and now stands at ${done.to}`)
      if (done.dropped > 0)
        await print(io, `${plural(done.dropped, 'pending entry', 'pending entries')} dropped`)
    },
    { names: { stream, group } },
  )

const placeOf = (to: string, now: number): string | Date =>
  to === 'start' || to === 'end' ? to : parsePlace('--to', to, now)

async function showPreview(io: Io, { json }: JsonFlags, preview: ResetPreview): Promise<void> {
  if (json) return printJson(io, { ...preview, dryRun: true })
  for (const line of linesOf(preview)) await print(io, line)
  sayDryRun(io)
}

function linesOf({ from, to, direction, entries, complete, dropped, kept, live }: ResetPreview): string[] {
  const count = `${complete ? '' : 'more than '}${plural(entries, 'entry', 'entries')}`
  const effect = {
    back: `${count} will be read again`,
    forward: `${count} will never be read by it`,
    nowhere: 'it stays where it is',
  }[direction]
  return [
    `from ${from} to ${to}: ${effect}`,
    `pending: ${formatCount(dropped)} dropped, ${formatCount(kept)} kept`,
    ...(live.length > 0
      ? [`consumers that live: ${live.join(', ')}; with --force they abort what they run`]
      : []),
  ]
}
