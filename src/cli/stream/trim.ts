import type { JobPreview } from '../../core/jobs.ts'
import { quote } from '../../redis/explain/commands.ts'
import { confirm } from '../confirm.ts'
import { CommandError, EXIT } from '../exit.ts'
import type { DestructiveFlags } from '../flags.ts'
import { given } from '../given.ts'
import { print, printJson, say, sayDryRun, type Io } from '../io.ts'
import { operatorOf } from '../operator.ts'
import { plural } from '../output/format.ts'
import { previewJob, runJob, type RunJobFlags } from '../run-job.ts'
import { withOperations, type Opened } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'

export interface StreamTrimFlags extends RedisFlags, DestructiveFlags, RunJobFlags {
  maxLength?: number
  /** In ms. */
  maxAge?: number
  before?: string
  hard?: boolean
}

/** `millrace stream trim`: what would go first, then the job. */
export async function streamTrimCommand(io: Io, stream: string, flags: StreamTrimFlags): Promise<void> {
  const params = { stream, ...limitsOf(flags) }
  await withOperations(
    io,
    flags,
    async (opened) => {
      const preview = await previewJob(opened, 'trim', params)
      await sayKept(io, opened, flags.maxLength, preview, stream)
      if (flags.dryRun) return report(io, flags, preview)
      const what = `the stream ${JSON.stringify(stream)}`
      await confirm(io, flags, { what, name: stream, consequences: [sentenceOf(preview)] })
      const job = {
        kind: 'trim',
        params,
        ...operatorOf(flags),
        ...given({ ratePerSecond: flags.rate }),
      } as const
      const done = await runJob(io, opened, job, flags)
      if (done && !flags.json) await print(io, `dropped ${entries(done.progress.done)} of ${stream}`)
    },
    { names: { stream }, stopsItself: true },
  )
}

function limitsOf({ maxLength, maxAge: maxAgeMs, before, hard }: StreamTrimFlags): object {
  if (maxLength === undefined && maxAgeMs === undefined && before === undefined)
    throw new CommandError('say what may go: --max-length, --max-age or --before', EXIT.usage)
  if (!hard) return given({ maxLength, maxAgeMs, before })
  if (maxLength === undefined)
    throw new CommandError('--hard needs --max-length: beyond it everything goes', EXIT.usage)
  return given({ maxLength, hardMaxLength: maxLength, force: true, maxAgeMs, before })
}

async function report(io: Io, { json }: { json?: boolean }, preview: JobPreview): Promise<void> {
  if (json) return printJson(io, preview)
  await print(io, sentenceOf(preview))
  sayDryRun(io)
}

/** Who asked for a length and does not get it wants to know why. */
async function sayKept(
  io: Io,
  { operations }: Opened,
  maxLength: number | undefined,
  { count, complete }: JobPreview,
  stream: string,
): Promise<void> {
  if (maxLength === undefined || !complete) return
  const { length = 0 } = (await operations.streams.info(stream)) ?? {}
  const kept = length - count - maxLength
  if (kept > 0)
    say(
      io,
      `${entries(kept)} more can't go yet, since a group or a hold needs them: see millrace stream info ${quote(stream)}`,
    )
}

function sentenceOf({ count, complete, detail }: JobPreview): string {
  const { capped } = detail
  const lost = typeof capped === 'number' && capped > 0 ? `, ${entries(capped)} of them though needed` : ''
  return `${complete ? '' : 'more than '}${entries(count)} would be dropped${lost}`
}

const entries = (count: number): string => plural(count, 'entry', 'entries')
