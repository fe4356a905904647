import { z } from '@hono/zod-openapi'
import { HttpError } from '../http-error.ts'
import { adminRoute, type Admin } from './admin-route.ts'
import { Change, operatorOf } from './change.ts'
import { given, nameOf, position, streamPath } from './inputs.ts'
import { requireStream } from './stream-routes.ts'
import { HoldSchema } from './stream-schemas.ts'

const PATH = '/streams/{stream}/holds'
const params = streamPath.extend({ name: nameOf('hold name', 'nightly') })
const MAX_TTL_MS = 366 * 86_400_000

/** Holds keep entries from being trimmed. */
export function addHoldRoutes(admin: Admin): void {
  const holds = () => admin.ports.operations().holds

  const list = {
    summary: 'The holds on a stream',
    params: streamPath,
    answer: z.object({ holds: z.array(HoldSchema) }),
  }
  adminRoute(admin, 'get', PATH, list, async ({ params: { stream } }) => {
    await requireStream(admin.ports.operations(), stream)
    return { holds: await holds().list(stream) }
  })

  const one = { summary: 'One hold', params, answer: z.object({ hold: HoldSchema }) }
  adminRoute(admin, 'get', `${PATH}/{name}`, one, async ({ params: { stream, name } }) => {
    const hold = (await holds().list(stream)).find((one) => one.name === name)
    if (!hold) throw noHold(stream, name)
    return { hold }
  })

  const set = {
    summary: 'Keep everything from a position on, until the hold is released or its time is over',
    params,
    body: Change.extend({
      position,
      ttlMs: z.number().int().min(1).max(MAX_TTL_MS).optional().openapi({ example: 3_600_000 }),
    }),
    answer: z.object({ hold: HoldSchema }),
  }
  adminRoute(admin, 'put', `${PATH}/{name}`, set, async ({ params: { stream, name }, body }, c) => {
    await requireStream(admin.ports.operations(), stream)
    const { position, ttlMs } = body
    await holds().set(stream, name, position, given({ ttlMs }), operatorOf(c, body))
    return { hold: (await holds().list(stream)).find((one) => one.name === name) ?? { name, position } }
  })

  const release = {
    summary: 'Release a hold',
    params,
    body: Change,
    answer: z.object({ released: z.boolean() }),
  }
  adminRoute(admin, 'delete', `${PATH}/{name}`, release, async ({ params: { stream, name }, body }, c) => {
    const released = await holds().release(stream, name, operatorOf(c, body))
    if (!released) throw noHold(stream, name)
    return { released }
  })
}

const noHold = (stream: string, name: string) =>
  new HttpError('NOT_FOUND', `there is no hold ${JSON.stringify(name)} on ${JSON.stringify(stream)}`)
