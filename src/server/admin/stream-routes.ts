import { z } from '@hono/zod-openapi'
import { MillraceError } from '../../core/errors.ts'
import { matchesGlob } from '../../core/glob.ts'
import type { Operations } from '../../core/operations.ts'
import type { StreamOverview } from '../../core/stream-catalogue.ts'
import type { StreamInfo } from '../../core/stream-info.ts'
import { adminRoute, type Admin } from './admin-route.ts'
import { after, given, limit, streamPath } from './inputs.ts'
import { STREAMS_AGE_MS } from './overview-routes.ts'
import { ActionSchema, RetentionSchema, StreamDetailSchema, StreamPageSchema } from './stream-schemas.ts'

const SORTS = ['name', 'length', 'pending', 'lag', 'deadLetters', 'lastEntryAt'] as const
type Sort = (typeof SORTS)[number]

const listQuery = z.object({
  match: z.string().min(1).max(256).optional().openapi({
    description: 'Names with * for any text and ? for any character',
    example: 'user:*',
  }),
  after: after.optional(),
  limit: limit(1000, 100),
  sort: z.enum(SORTS).default('name').openapi({ description: 'By name, or the largest first' }),
})

/** Lists of streams, one stream, and what was done to it. */
export function addStreamRoutes(admin: Admin): void {
  const list = { summary: 'The streams, a page at a time', query: listQuery, answer: StreamPageSchema }
  adminRoute(admin, 'get', '/streams', list, async ({ query }) => {
    const all = [...(await admin.looks.streams.get(STREAMS_AGE_MS)).values()]
    return pageOf(all, query)
  })

  const one = { summary: 'One stream with its groups', params: streamPath, answer: StreamDetailSchema }
  adminRoute(admin, 'get', '/streams/{stream}', one, ({ params }) => detailOf(admin, params.stream))

  const retention = {
    summary: 'What is kept of a stream by its app, and who keeps more from being trimmed',
    params: streamPath,
    answer: z.object({ retention: RetentionSchema.nullable() }),
  }
  adminRoute(admin, 'get', '/streams/{stream}/retention', retention, async ({ params: { stream } }) => {
    await requireStream(admin.ports.operations(), stream)
    return { retention: (await retentionOf(admin, stream)) ?? null }
  })

  const actions = {
    summary: 'What was done to a stream by hand, newest first',
    params: streamPath,
    query: z.object({ after: after.optional(), limit: limit(500, 50) }),
    answer: z.object({ actions: z.array(ActionSchema), next: z.string().optional() }),
  }
  adminRoute(admin, 'get', '/streams/{stream}/actions', actions, async ({ params: { stream }, query }) => {
    const operations = admin.ports.operations()
    const { records, next } = await operations.actions.actions(stream, given(query))
    if (records.length === 0) await requireStream(operations, stream)
    return { actions: records, ...(next !== undefined && { next }) }
  })
}

/** @throws MillraceError `UNKNOWN_STREAM` */
export async function requireStream(operations: Operations, stream: string): Promise<StreamInfo> {
  const info = await operations.streams.info(stream)
  if (info) return info
  throw new MillraceError('UNKNOWN_STREAM', `there is no stream ${JSON.stringify(stream)}`)
}

interface PageQuery {
  match?: string | undefined
  after?: string | undefined
  limit: number
  sort: Sort
}

/** The page begins behind the stream that is named by `after`, or where that would stand by now. */
function pageOf(all: readonly StreamOverview[], { match, after, limit, sort }: PageQuery) {
  const matching = match === undefined ? all : all.filter(({ stream }) => matchesGlob(match, stream))
  const sorted = matching.toSorted(ORDERS[sort])
  const start = after === undefined ? 0 : startAfter(sorted, after, sort)
  const streams = sorted.slice(start, start + limit)
  const isLast = start + limit >= sorted.length
  return { streams, total: sorted.length, ...(!isLast && { next: streams.at(-1)!.stream }) }
}

function startAfter(sorted: readonly StreamOverview[], after: string, sort: Sort): number {
  const index = sorted.findIndex(({ stream }) => stream === after)
  if (index >= 0) return index + 1
  if (sort !== 'name') return sorted.length
  const larger = sorted.findIndex(({ stream }) => stream > after)
  return larger < 0 ? sorted.length : larger
}

type Compare = (a: StreamOverview, b: StreamOverview) => number

const byName: Compare = (a, b) => (a.stream < b.stream ? -1 : a.stream > b.stream ? 1 : 0)
const largestFirst =
  (of: (row: StreamOverview) => number): Compare =>
  (a, b) =>
    of(b) - of(a) || byName(a, b)

const ORDERS: Readonly<Record<Sort, Compare>> = {
  name: byName,
  length: largestFirst(({ length }) => length),
  pending: largestFirst(({ pending }) => pending),
  // What can't be told needs a look.
  lag: largestFirst(({ lag }) => (lag === 'unknown' ? Number.MAX_SAFE_INTEGER : lag)),
  deadLetters: largestFirst(({ deadLetters }) => deadLetters),
  lastEntryAt: largestFirst(({ lastEntryAt = 0 }) => lastEntryAt),
}

async function detailOf(admin: Admin, stream: string) {
  const operations = admin.ports.operations()
  const info = await requireStream(operations, stream)
  const [groups, holds, retention] = await Promise.all([
    groupsOf(operations, stream),
    operations.holds.list(stream),
    retentionOf(admin, stream),
  ])
  const { length, first, last, lastGenerated, deadLetters, groupCount, trimmedUnread } = info
  return {
    stream,
    ...given({ length, first, last, lastGenerated, deadLetters, groupCount, retention }),
    groups,
    holds,
    trimmedUnread: Object.fromEntries(trimmedUnread),
  }
}

/** The groups of a stream with how far they are, and since when they are paused. */
export async function groupsOf(operations: Operations, stream: string) {
  const groups = await operations.stats.lag(stream)
  const paused = await Promise.all(groups.map(({ group }) => operations.control.pausedSince(stream, group)))
  return groups.map((group, index) => given({ ...group, pausedSince: paused[index] }))
}

/** Looking must not let an abandoned group expire, so that is left to whoever trims. */
async function retentionOf({ ports }: Admin, stream: string) {
  const target = ports.retentionOf(stream)
  if (!target) return undefined
  const { policy } = target
  const looked = { ...target, policy: { ...policy, abandonedAction: 'alarm' as const } }
  const { blockers, abandoned } = await ports.operations().retention.inspect(looked)
  return {
    policy: given(policy),
    blockers,
    abandoned: abandoned.map(({ group, silentMs, pending }) => ({ group, silentMs, pending })),
  }
}
