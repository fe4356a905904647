import type {
  DeadLetterCount,
  DeadLetterFilter,
  DeadLetters,
  StoredDeadLetter,
} from '../../core/dead-letters.ts'
import { requireStream } from '../../jobs/kinds/known.ts'
import type { JsonFlags } from '../flags.ts'
import { printJson, say, type Io } from '../io.ts'
import { formatCount, plural } from '../output/format.ts'
import { printTable, type Column } from '../output/table.ts'
import { serverNow } from '../replay/place.ts'
import { withOperations } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'
import { filterOf, type FilterFlags } from './filter.ts'

export interface ListFlags extends RedisFlags, FilterFlags, JsonFlags {
  limit: number
  oldest?: boolean
}

const PAGE = 500

/** `millrace dead-letter ls [S]`: the letters of a stream, or the streams that have some. */
export async function deadLetterListCommand(
  io: Io,
  stream: string | undefined,
  flags: ListFlags,
): Promise<void> {
  const { limit } = flags
  if (stream === undefined) return listStreams(io, flags)
  await withOperations(
    io,
    flags,
    async ({ operations, log }) => {
      const filter = filterOf(flags, serverNow(log))
      const { letters, more } = await take(
        operations.deadLetters,
        stream,
        filter,
        limit,
        flags.oldest === true,
      )
      if (letters.length === 0) await requireStream(operations.streams, stream)
      if (flags.json) return printJson(io, letters)
      if (letters.length === 0) return say(io, nothing(stream, filter))
      await printTable(io, letters, LETTER_COLUMNS)
      if (more) say(io, `there are more: --limit ${limit * 2}, or millrace dead-letter summary ${stream}`)
    },
    { names: { stream } },
  )
}

/** `millrace dead-letter summary S`: what there is, by group, error and type. */
export async function deadLetterSummaryCommand(
  io: Io,
  stream: string,
  flags: RedisFlags & FilterFlags & JsonFlags,
): Promise<void> {
  await withOperations(
    io,
    flags,
    async ({ operations, log }) => {
      const filter = filterOf(flags, serverNow(log))
      const summary = await operations.deadLetters.summary(stream, filter)
      if (summary.total === 0) await requireStream(operations.streams, stream)
      if (flags.json) return printJson(io, summary)
      if (summary.counts.length === 0) return say(io, nothing(stream, filter))
      await printTable(io, summary.counts, COUNT_COLUMNS)
      say(io, `${plural(summary.total, 'dead letter')} of ${stream} in all`)
      if (!summary.complete) say(io, 'only the newest 100,000 were looked at; --from and --to look elsewhere')
    },
    { names: { stream } },
  )
}

async function listStreams(io: Io, flags: ListFlags): Promise<void> {
  await withOperations(io, flags, async ({ operations }) => {
    const streams = []
    for (let after: string | undefined; ;) {
      const page = await operations.deadLetters.streams(after)
      streams.push(...page.streams)
      if ((after = page.next) === undefined) break
    }
    streams.sort((a, b) => b.letters - a.letters || (a.stream < b.stream ? -1 : 1))
    if (flags.json) return printJson(io, streams)
    if (streams.length === 0) return say(io, 'no stream has dead letters')
    await printTable(io, streams, [
      { title: 'STREAM', text: ({ stream }) => stream, shrinks: true },
      { title: 'DEAD LETTERS', text: ({ letters }) => formatCount(letters), align: 'right' },
    ])
  })
}

/** As many letters as are wanted, from as many pages as that takes: one may be empty, and yet more to come. */
async function take(
  deadLetters: DeadLetters,
  stream: string,
  filter: DeadLetterFilter,
  limit: number,
  oldest: boolean,
): Promise<{ letters: StoredDeadLetter[]; more: boolean }> {
  const letters: StoredDeadLetter[] = []
  let after: string | undefined
  do {
    const page = await deadLetters.list(stream, filter, {
      limit: Math.min(PAGE, limit - letters.length),
      order: oldest ? 'oldest' : 'newest',
      ...(after !== undefined && { after }),
    })
    letters.push(...page.letters)
    after = page.next
  } while (after !== undefined && letters.length < limit)
  return { letters, more: after !== undefined }
}

const LETTER_COLUMNS: readonly Column<StoredDeadLetter>[] = [
  { title: 'ID', text: ({ id }) => id },
  { title: 'TIME', text: ({ time }) => time },
  { title: 'GROUP', text: ({ group }) => group, shrinks: true },
  { title: 'TYPE', text: ({ type }) => type, shrinks: true },
  { title: 'ATTEMPTS', text: ({ attempts }) => formatCount(attempts), align: 'right' },
  { title: 'EDITED', text: ({ original }) => (original ? 'yes' : '') },
  { title: 'ERROR', text: ({ error }) => error, shrinks: true },
  { title: 'REASON', text: ({ reason }) => reason, shrinks: true },
]

const COUNT_COLUMNS: readonly Column<DeadLetterCount>[] = [
  { title: 'COUNT', text: ({ count }) => formatCount(count), align: 'right' },
  { title: 'GROUP', text: ({ group }) => group, shrinks: true },
  { title: 'ERROR', text: ({ error }) => error, shrinks: true },
  { title: 'TYPE', text: ({ type }) => type, shrinks: true },
  { title: 'OLDEST', text: ({ oldest }) => oldest },
  { title: 'NEWEST', text: ({ newest }) => newest },
]

const nothing = (stream: string, filter: DeadLetterFilter): string =>
  Object.keys(filter).length === 0
    ? `${stream} has no dead letters`
    : `no dead letter of ${stream} is like that; millrace dead-letter summary ${stream} shows what there is`
