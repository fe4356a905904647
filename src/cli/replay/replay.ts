import type { Job, JobPreview } from '../../core/jobs.ts'
import { CommandError, EXIT } from '../exit.ts'
import type { JsonFlags, OperatorFlags } from '../flags.ts'
import { given } from '../given.ts'
import { print, printJson, say, type Io } from '../io.ts'
import { operatorOf } from '../operator.ts'
import { plural } from '../output/format.ts'
import { previewJob, runJob, type RunJobFlags } from '../run-job.ts'
import { withOperations } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'
import { checkOrder, parsePlace, placeText, serverNow } from './place.ts'

export interface ReplayFlags extends RedisFlags, OperatorFlags, RunJobFlags, JsonFlags {
  group?: string
  toStream?: string
  from?: string
  to?: string
  dryRun?: boolean
}

/** `millrace replay S`: into one of its groups, or as copies into another stream. */
export async function replayCommand(io: Io, stream: string, flags: ReplayFlags): Promise<void> {
  const { group, rate: ratePerSecond, json } = flags
  requireWords(flags)
  await withOperations(
    io,
    flags,
    async (opened) => {
      const params = paramsOf(stream, flags, serverNow(opened.log))
      if (flags.dryRun) return foretell(io, await previewJob(opened, 'replay', params), json === true)
      const job = { kind: 'replay' as const, params, ...operatorOf(flags), ...given({ ratePerSecond }) }
      const done = await runJob(io, opened, job, flags)
      if (done && !json) await report(io, stream, goalOf(flags), done)
    },
    { names: { stream, ...given({ group }) }, stopsItself: true },
  )
}

/** @throws CommandError */
function requireWords({ group, toStream, from }: ReplayFlags): void {
  if ((group === undefined) === (toStream === undefined))
    throw new CommandError('say where to: either --group NAME, or --to-stream STREAM', EXIT.usage)
  if (from === undefined)
    throw new CommandError(
      'say from where: --from PLACE, such as -2h, or 0 for the start of the stream',
      EXIT.usage,
    )
}

const goalOf = ({ group, toStream }: ReplayFlags): string =>
  group === undefined ? `into ${toStream}` : `to the group ${group}`

function paramsOf(stream: string, { group, toStream, from, to }: ReplayFlags, now: number) {
  const first = from === undefined ? undefined : parsePlace('--from', from, now)
  const last = to === undefined ? undefined : parsePlace('--to', to, now)
  checkOrder(first, last)
  return {
    stream,
    ...given({ group, toStream, from: first && placeText(first), to: last && placeText(last) }),
  }
}

async function foretell(io: Io, preview: JobPreview, json: boolean): Promise<void> {
  if (json) return printJson(io, preview)
  const { count, complete, detail } = preview
  const range = count === 0 ? '' : `, from ${String(detail['first'])} to ${String(detail['last'])}`
  await print(
    io,
    `${complete ? '' : 'more than '}${plural(count, 'entry', 'entries')} would be delivered again${range}`,
  )
  say(io, 'nothing was changed: a dry run')
}

async function report(io: Io, stream: string, goal: string, { result }: Job): Promise<void> {
  const { copied, skipped } = result as { copied: number; skipped: number }
  await print(io, `${plural(copied, 'entry', 'entries')} of ${stream} delivered again ${goal}`)
  if (skipped > 0)
    say(io, `${plural(skipped, 'entry', 'entries')} left out: they have more fields than one step can write`)
}
