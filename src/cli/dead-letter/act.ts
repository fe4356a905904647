import type { DeadLetterFilter, DeadLetterResult } from '../../core/dead-letters.ts'
import { confirm } from '../confirm.ts'
import { EXIT, type ExitCode } from '../exit.ts'
import type { DestructiveFlags, JsonFlags } from '../flags.ts'
import { given } from '../given.ts'
import { print, printJson, say, type Io } from '../io.ts'
import { operatorOf } from '../operator.ts'
import { plural } from '../output/format.ts'
import { harmless } from '../output/text.ts'
import { serverNow } from '../replay/place.ts'
import { previewJob, runJob, type RunJobFlags } from '../run-job.ts'
import { withOperations, type Opened } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'
import { selectionOf, type FilterFlags } from './filter.ts'

export type Act = 'redrive' | 'discard'

export interface ActFlags extends RedisFlags, FilterFlags, DestructiveFlags, RunJobFlags, JsonFlags {
  all?: boolean
}

/** What is told of an act, be it done or foretold. */
type Outcome = Omit<DeadLetterResult, 'complete'>

const DONE = { redrive: 'redriven', discard: 'discarded' } as const

/** `millrace dead-letter redrive|discard S`: exit code 1 where letters stay that were meant. */
export async function deadLetterActCommand(
  io: Io,
  act: Act,
  stream: string,
  ids: readonly string[],
  flags: ActFlags,
): Promise<ExitCode> {
  let refused = 0
  await withOperations(
    io,
    flags,
    async (opened) => {
      const params = paramsOf(stream, ids, flags, serverNow(opened.log))
      if (act === 'discard') await confirmDiscard(io, opened, params, flags)
      if (flags.dryRun) return foretell(io, opened, act, params, flags)
      const job = { kind: act, params, ...operatorOf(flags), ...given({ ratePerSecond: flags.rate }) }
      const done = await runJob(io, opened, job, flags)
      if (!done) return
      const outcome = done.result as unknown as Outcome
      refused = outcome.refused
      if (!flags.json) await report(io, `of ${stream} ${DONE[act]}`, outcome)
    },
    { names: { stream, ...given({ group: flags.group }) }, stopsItself: true },
  )
  return refused === 0 ? EXIT.ok : EXIT.failed
}

/** As the job takes them. */
type Params = Readonly<Record<string, unknown>> & { readonly stream: string }

function paramsOf(stream: string, ids: readonly string[], flags: ActFlags, now: number): Params {
  const selection = selectionOf(ids, flags, now)
  return 'ids' in selection ? { stream, ids: selection.ids } : { stream, filter: toJson(selection.filter) }
}

const toJson = ({ from, to, ...words }: DeadLetterFilter): Record<string, string> => ({
  ...words,
  ...given({ from: from?.toISOString(), to: to?.toISOString() }),
})

async function foretell(io: Io, opened: Opened, act: Act, params: Params, flags: ActFlags): Promise<void> {
  const preview = await previewJob(opened, act, params)
  if (flags.json) return printJson(io, preview)
  const outcome = { ...(preview.detail as unknown as Omit<Outcome, 'done'>), done: preview.count }
  await report(io, `of ${params.stream} would be ${DONE[act]}`, outcome)
  say(io, 'nothing was changed: a dry run')
}

async function confirmDiscard(io: Io, opened: Opened, params: Params, flags: ActFlags): Promise<void> {
  const { stream } = params
  // Only who is asked needs the number, which takes looking through all of them.
  const asked = flags.dryRun !== true && flags.yes === undefined
  const count = asked ? (await previewJob(opened, 'discard', params)).count : 0
  const consequences = [`${plural(count, 'dead letter')} of ${stream} will be deleted for good.`]
  await confirm(io, flags, {
    what: `discarding dead letters of the stream "${stream}"`,
    name: stream,
    consequences,
  })
}

async function report(io: Io, what: string, outcome: Outcome): Promise<void> {
  const { done, missing, refused } = outcome
  await print(io, `${plural(done, 'dead letter')} ${what}`)
  if (missing > 0) say(io, `${plural(missing, 'letter')} not there any more: somebody else was faster`)
  if (refused > 0) say(io, `${plural(refused, 'letter')} can't be, and ${refused === 1 ? 'stays' : 'stay'}:`)
  for (const line of refusalLines(outcome)) say(io, `  ${harmless(line)}`)
}

const MAX_IDS = 3

/** The same reason once, with how many letters have it and some of them. */
function refusalLines({ refusals, refused }: Outcome): string[] {
  const byReason = new Map<string, string[]>()
  for (const { id, message } of refusals) byReason.set(message, [...(byReason.get(message) ?? []), id])
  const lines = [...byReason].map(([message, ids]) => {
    const more = ids.length > MAX_IDS ? ', …' : ''
    return `${ids.length}: ${message} (${ids.slice(0, MAX_IDS).join(', ')}${more})`
  })
  const unseen = refused - refusals.length
  return unseen > 0 ? [...lines, `${unseen} more, for reasons that are not listed`] : lines
}
