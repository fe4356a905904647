import { z } from '@hono/zod-openapi'
import { MillraceError } from '../../core/errors.ts'
import type { Operations } from '../../core/operations.ts'
import { adminRoute, type Admin } from './admin-route.ts'
import { Change, confirmed, Destruction, force, operatorOf } from './change.ts'
import { given, groupPath, moment, nameOf, position, streamPath } from './inputs.ts'
import { groupsOf, requireStream } from './stream-routes.ts'
import { GroupLagSchema } from './stream-schemas.ts'
import { ConsumerSchema } from './member-schemas.ts'

const GROUPS = '/streams/{stream}/groups'
const GROUP = `${GROUPS}/{group}`

/** Groups: which there are, how far they are, making and ending them. */
export function addGroupRoutes(admin: Admin): void {
  const { ports } = admin

  const list = {
    summary: 'The groups of a stream',
    params: streamPath,
    answer: z.object({ groups: z.array(GroupLagSchema) }),
  }
  adminRoute(admin, 'get', GROUPS, list, async ({ params: { stream } }) => {
    await requireStream(ports.operations(), stream)
    return { groups: await groupsOf(ports.operations(), stream) }
  })

  const create = {
    summary: 'Create a group; one that is there stays as it is',
    params: streamPath,
    body: Change.extend({
      group: nameOf('group name', 'mailer'),
      start: z
        .union([z.enum(['0', '$']), position], 'must be 0, $, or an entry id such as 1700000000000-0')
        .optional()
        .openapi({
          description: '0 for all that is there (default), $ for what comes from now on, or an entry id',
          example: '0',
        }),
    }),
    answer: z.object({ created: z.boolean() }),
    status: 201,
  } as const
  adminRoute(admin, 'post', GROUPS, create, async ({ params: { stream }, body }, c) => {
    const { group, start } = body
    const options = given({ ...operatorOf(c, body), start })
    return { created: await ports.operations().lifecycle.create(stream, group, options) }
  })

  const one = {
    summary: 'One group with its consumers',
    params: groupPath,
    answer: z.object({ group: GroupLagSchema, consumers: z.array(ConsumerSchema) }),
  }
  adminRoute(admin, 'get', GROUP, one, ({ params: { stream, group } }) =>
    groupOf(ports.operations(), stream, group),
  )

  const remove = {
    summary: 'Delete a group with its place and all that is pending; its dead letters stay',
    params: groupPath,
    body: Destruction.extend({ force }),
    answer: z.object({
      dryRun: z.boolean(),
      pending: z.number().int(),
      behind: z.union([z.number().int(), z.literal('unknown')]),
      live: z.array(z.string()),
    }),
  }
  adminRoute(admin, 'delete', GROUP, remove, async ({ params: { stream, group }, body }, c) => {
    const { dryRun = false, force } = body
    confirmed(`the group ${JSON.stringify(group)}`, group, body)
    const options = given({ ...operatorOf(c, body), dryRun, force })
    return { dryRun, ...(await ports.operations().lifecycle.delete(stream, group, options)) }
  })
  addPauseRoutes(admin)
  addResetRoute(admin)
}

function addPauseRoutes(admin: Admin): void {
  const common = { params: groupPath, body: Change }
  const control = () => admin.ports.operations().control

  const pause = {
    ...common,
    summary: 'Hand nothing more to a group, until it is resumed',
    answer: z.object({ paused: z.boolean().openapi({ description: 'Whether it was running before' }) }),
  }
  adminRoute(admin, 'post', `${GROUP}/pause`, pause, async ({ params: { stream, group }, body }, c) => {
    await requireStream(admin.ports.operations(), stream)
    return { paused: await control().pause(stream, group, operatorOf(c, body)) }
  })

  const resume = {
    ...common,
    summary: 'End the pause of a group',
    answer: z.object({ resumed: z.boolean().openapi({ description: 'Whether it was paused before' }) }),
  }
  adminRoute(admin, 'post', `${GROUP}/resume`, resume, async ({ params: { stream, group }, body }, c) => {
    await requireStream(admin.ports.operations(), stream)
    return { resumed: await control().resume(stream, group, operatorOf(c, body)) }
  })
}

const RESET_PLACE = 'must be start, end, an entry id such as 1700000000000-0, or an ISO time'

function addResetRoute(admin: Admin): void {
  const route = {
    summary: 'Set where a group reads on',
    params: groupPath,
    body: Destruction.extend({
      force,
      to: z.union([z.enum(['start', 'end']), position, moment], RESET_PLACE).openapi({
        description: 'start, end, an entry id after which to read on, or an ISO time',
        example: 'start',
      }),
      pending: z.enum(['keep', 'drop']).optional().openapi({
        description: 'What becomes of pending entries at or below the new place',
        example: 'keep',
      }),
    }),
    answer: z.looseObject({
      dryRun: z.boolean(),
      from: z.string(),
      to: z.string(),
      dropped: z.number().int(),
      kept: z.number().int(),
    }),
  }
  adminRoute(admin, 'post', `${GROUP}/reset`, route, async ({ params: { stream, group }, body }, c) => {
    const { to, pending, dryRun = false, force } = body
    confirmed(`the group ${JSON.stringify(group)}`, group, body)
    const { resets } = admin.ports.operations()
    const request = given({ stream, group, to, pending })
    if (dryRun) return { dryRun, ...(await resets.preview(request)) }
    return { dryRun, ...(await resets.reset(request, given({ ...operatorOf(c, body), force }))) }
  })
}

async function groupOf(operations: Operations, stream: string, group: string) {
  await requireStream(operations, stream)
  const found = (await operations.stats.lag(stream)).find((one) => one.group === group)
  if (!found)
    throw new MillraceError(
      'UNKNOWN_GROUP',
      `there is no group ${JSON.stringify(group)} of ${JSON.stringify(stream)}`,
    )
  const [pausedSince, consumers] = await Promise.all([
    operations.control.pausedSince(stream, group),
    operations.members.consumers(stream, group),
  ])
  return { group: given({ ...found, pausedSince }), consumers }
}
