import type { PendingEntry } from '../../core/group-members.ts'
import { positionTime } from '../../core/position.ts'
import type { JsonFlags } from '../flags.ts'
import { given } from '../given.ts'
import { printJson, say, type Io } from '../io.ts'
import { formatAge, formatCount } from '../output/format.ts'
import { printTable, type Column } from '../output/table.ts'
import { withOperations, type Opened } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'

export interface PendingListFlags extends RedisFlags, JsonFlags {
  consumer?: string
  minIdle?: number
  limit: number
  after?: string
}

interface Page {
  entries: PendingEntry[]
  next?: string
}

/** `millrace pending ls`: what a group holds and has not settled. */
export const pendingListCommand = (
  io: Io,
  stream: string,
  group: string,
  flags: PendingListFlags,
): Promise<void> =>
  withOperations(
    io,
    flags,
    async ({ operations }) => {
      const page = await read(operations, stream, group, flags)
      if (flags.json) return printJson(io, page)
      if (page.entries.length === 0) say(io, 'nothing of it is pending')
      else await printTable(io, page.entries, COLUMNS)
      if (page.next !== undefined) say(io, `there are more: add --after ${page.next}`)
    },
    { names: { stream, group, consumer: flags.consumer } },
  )

const MAX_PAGE = 1_000

/** Page by page, since one may be short of entries and yet not be the last. */
async function read(
  { members }: Opened['operations'],
  stream: string,
  group: string,
  { consumer, minIdle, limit, after }: PendingListFlags,
): Promise<Page> {
  const filter = given({ consumer, minIdleMs: minIdle })
  const all: PendingEntry[] = []
  let next = after
  do {
    const wanted = Math.min(MAX_PAGE, limit - all.length)
    const page: Page = await members.pending(stream, group, filter, {
      limit: wanted,
      ...given({ after: next }),
    })
    all.push(...page.entries)
    next = page.next
  } while (next !== undefined && all.length < limit)
  return { entries: all, ...given({ next }) }
}

const COLUMNS: readonly Column<PendingEntry>[] = [
  { title: 'POSITION', text: ({ position }) => position },
  {
    title: 'AGE',
    text: ({ position }) => formatAge(ageOf(position)),
    align: 'right',
  },
  { title: 'CONSUMER', text: ({ consumer }) => consumer, shrinks: true },
  { title: 'IDLE', text: ({ idleMs }) => formatAge(idleMs), align: 'right' },
  { title: 'DELIVERIES', text: ({ deliveries }) => formatCount(deliveries), align: 'right' },
  {
    title: 'RETRY',
    text: ({ dueAt }) => (dueAt === undefined ? '-' : dueIn(dueAt - Date.now())),
    align: 'right',
  },
]

const dueIn = (ms: number): string => (ms <= 0 ? 'due' : `in ${formatAge(ms)}`)

/** What is in the inlet of the group has its age there. */
const ageOf = (position: string): number =>
  Math.max(0, Date.now() - positionTime(position.slice(position.indexOf('/') + 1)))
