import { z } from '@hono/zod-openapi'
import { decodeEntry } from '../../core/codec.ts'
import { toError } from '../../core/errors.ts'
import type { WaitingEntry } from '../../core/schedule.ts'
import { HttpError } from '../http-error.ts'
import { adminRoute, type Admin } from './admin-route.ts'
import { Change, operatorOf } from './change.ts'
import { after, given, limit, streamPath } from './inputs.ts'
import { requireStream } from './stream-routes.ts'
import { EventSchema } from './stream-schemas.ts'

const PATH = '/streams/{stream}/scheduled'

const WaitingSchema = z
  .object({
    id: z.string(),
    dueAt: z.string(),
    fields: z.array(z.string()),
    event: EventSchema.optional(),
    undecodable: z.string().optional(),
  })
  .openapi('ScheduledEntry', {
    example: { id: '17', dueAt: '2026-01-28T10:00:00.000Z', fields: ['type', 'user.reminded', 'data', '{}'] },
  })

/** Events that wait beside their stream until they are due. */
export function addScheduledRoutes(admin: Admin): void {
  const list = {
    summary: 'What waits to enter a stream, in the order in which it is due',
    params: streamPath,
    query: z.object({ after: after.optional(), limit: limit(500, 50) }),
    answer: z.object({ scheduled: z.array(WaitingSchema), next: z.string().optional() }),
  }
  adminRoute(admin, 'get', PATH, list, async ({ params: { stream }, query }) => {
    const operations = admin.ports.operations()
    const { entries, next } = await operations.schedule.list(stream, given(query))
    // The first event of a stream may wait still.
    if (entries.length === 0) await requireStream(operations, stream)
    return { scheduled: entries.map((entry) => shown(stream, entry)), ...(next !== undefined && { next }) }
  })

  const cancel = {
    summary: 'Take back an event that waits; it never enters the stream then',
    params: streamPath.extend({ id: z.string().min(1).max(300).openapi({ example: '17' }) }),
    body: Change,
    answer: z.object({ cancelled: z.literal(true) }),
  }
  adminRoute(admin, 'delete', `${PATH}/{id}`, cancel, async ({ params: { stream, id }, body }, c) => {
    const { schedule, actions } = admin.ports.operations()
    if (!(await schedule.cancel(stream, id)))
      throw new HttpError(
        'NOT_FOUND',
        `nothing waits for ${JSON.stringify(stream)} under ${JSON.stringify(id)}: it entered the stream, or was cancelled before`,
      )
    await actions.record(stream, 'cancel-scheduled', operatorOf(c, body), {
      count: 1,
      detail: { scheduled: id },
    })
    return { cancelled: true }
  })
}

function shown(stream: string, { id, dueAt, fields }: WaitingEntry): object {
  const entry = { id, dueAt: new Date(dueAt).toISOString(), fields }
  try {
    const { type, data, key, headers } = decodeEntry(stream, { position: `${dueAt}-0`, fields })
    return { ...entry, event: given({ id, type, key, data, headers }) }
  } catch (error) {
    return { ...entry, undecodable: toError(error).message }
  }
}
