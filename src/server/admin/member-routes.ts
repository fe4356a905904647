import { z } from '@hono/zod-openapi'
import type { GroupMembers, PendingResult, PendingSelection } from '../../core/group-members.ts'
import { MAX_POSITIONS } from '../../core/group-members.ts'
import { isEntryId } from '../../core/position.ts'
import { adminRoute, type Admin } from './admin-route.ts'
import { confirmed, Destruction, force, operatorOf, TriedChange } from './change.ts'
import { after, count, given, groupPath, limit, nameOf } from './inputs.ts'
import { ConsumerSchema, PendingResultSchema, PendingSchema } from './member-schemas.ts'

const GROUP = '/streams/{stream}/groups/{group}'
const MAX_IDLE_MS = 10 * 366 * 86_400_000
const consumer = nameOf('consumer name', 'pod-1')
const minIdleMs = z.number().int().min(0).max(MAX_IDLE_MS).optional().openapi({
  description: 'A consumer of other software that did nothing for so long is dead',
  example: 60_000,
})

/** Who reads for a group, and what they hold. */
export function addMemberRoutes(admin: Admin): void {
  addConsumerRoutes(admin)
  addPendingList(admin)
  addClaimRoute(admin)
  addReleaseRoute(admin)
  addAcknowledgeRoute(admin)
}

function addConsumerRoutes(admin: Admin): void {
  const members = () => admin.ports.operations().members

  const list = {
    summary: 'The consumers of a group',
    params: groupPath,
    query: z.object({ minIdleMs: count(0, MAX_IDLE_MS).optional() }),
    answer: z.object({ consumers: z.array(ConsumerSchema) }),
  }
  adminRoute(admin, 'get', `${GROUP}/consumers`, list, async ({ params: { stream, group }, query }) => ({
    consumers: await members().consumers(stream, group, given(query)),
  }))

  const remove = {
    summary: 'Remove a consumer that is dead and holds nothing',
    params: groupPath.extend({ consumer }),
    body: Destruction.extend({ minIdleMs }),
    answer: z.object({ dryRun: z.boolean(), removed: z.boolean() }),
  }
  adminRoute(admin, 'delete', `${GROUP}/consumers/{consumer}`, remove, async ({ params, body }, c) => {
    const { stream, group, consumer } = params
    const { dryRun = false, minIdleMs } = body
    confirmed(`the consumer ${JSON.stringify(consumer)}`, consumer, body)
    const options = given({ ...operatorOf(c, body), dryRun, minIdleMs })
    return { dryRun, removed: await members().remove(stream, group, consumer, options) }
  })
}

function addPendingList(admin: Admin): void {
  const route = {
    summary: 'What is pending in a group, a page at a time; one may be short, and yet have a `next`',
    params: groupPath,
    query: z.object({
      consumer: consumer.optional(),
      minIdleMs: count(0, MAX_IDLE_MS).optional(),
      after: after.optional(),
      limit: limit(1000, 100),
    }),
    answer: z.object({ pending: z.array(PendingSchema), next: z.string().optional() }),
  }
  adminRoute(admin, 'get', `${GROUP}/pending`, route, async ({ params: { stream, group }, query }) => {
    const { consumer, minIdleMs, after, limit } = query
    const { members } = admin.ports.operations()
    const filter = given({ consumer, minIdleMs })
    const { entries, next } = await members.pending(stream, group, filter, given({ after, limit }))
    return { pending: entries, ...(next !== undefined && { next }) }
  })
}

/** Of what was redriven or replayed to a group alone, too. */
const pendingPosition = z
  .string()
  .refine(
    (text) => isEntryId(text.replace(/^inlet\//, '')),
    'must be a position as in the list of what is pending',
  )
  .openapi({ example: '1769594400000-0' })

const selection = {
  positions: z.array(pendingPosition).min(1).max(MAX_POSITIONS).optional(),
  consumer: consumer.optional().openapi({ description: 'All that it holds, instead of positions' }),
}

interface Selected {
  positions?: readonly string[] | undefined
  consumer?: string | undefined
}

const isOne = ({ positions, consumer }: Selected): boolean =>
  (positions === undefined) !== (consumer === undefined)
const ONE = { path: ['positions'], message: 'give either positions or a consumer' }

const selectionOf = ({ positions, consumer }: Selected): PendingSelection =>
  positions ? { positions } : { consumer: consumer! }

function addClaimRoute(admin: Admin): void {
  const route = {
    summary: 'Hand pending entries to another consumer, for groups of other software',
    params: groupPath,
    body: TriedChange.extend({ ...selection, force, minIdleMs, to: consumer }).refine(isOne, ONE),
    answer: PendingResultSchema,
  }
  adminRoute(
    admin,
    'post',
    `${GROUP}/pending/claim`,
    route,
    async ({ params: { stream, group }, body }, c) => {
      const { dryRun = false, force, minIdleMs, to } = body
      const options = given({ ...operatorOf(c, body), dryRun, force, minIdleMs })
      const { members } = admin.ports.operations()
      return answerOf(dryRun, await members.claim(stream, group, selectionOf(body), to, options))
    },
  )
}

function addReleaseRoute(admin: Admin): void {
  const route = {
    summary: 'Give pending entries back to a group of Millrace; what waits for its retry is due at once',
    params: groupPath,
    body: TriedChange.extend({ ...selection, force, minIdleMs }).refine(isOne, ONE),
    answer: PendingResultSchema,
  }
  adminRoute(
    admin,
    'post',
    `${GROUP}/pending/release`,
    route,
    async ({ params: { stream, group }, body }, c) => {
      const { dryRun = false, force, minIdleMs } = body
      const options = given({ ...operatorOf(c, body), dryRun, force, minIdleMs })
      const members: GroupMembers = admin.ports.operations().members
      return answerOf(dryRun, await members.release(stream, group, selectionOf(body), options))
    },
  )
}

function addAcknowledgeRoute(admin: Admin): void {
  const route = {
    summary: 'Count pending entries as done though nobody ran them; confirm with the name of the group',
    params: groupPath,
    body: Destruction.extend({ ...selection, force, minIdleMs }).refine(isOne, ONE),
    answer: PendingResultSchema,
  }
  const path = `${GROUP}/pending/acknowledge`
  adminRoute(admin, 'post', path, route, async ({ params: { stream, group }, body }, c) => {
    const { dryRun = false, force, minIdleMs } = body
    confirmed(`what is pending in ${JSON.stringify(group)}`, group, body)
    const options = given({ ...operatorOf(c, body), dryRun, force, minIdleMs })
    const { members } = admin.ports.operations()
    return answerOf(dryRun, await members.acknowledge(stream, group, selectionOf(body), options))
  })
}

const answerOf = (dryRun: boolean, result: PendingResult): object => ({ dryRun, ...result })
