import { z } from '@hono/zod-openapi'
import type { DeadLetterChange, DeadLetterFilter } from '../../core/dead-letters.ts'
import { adminRoute, type Admin } from './admin-route.ts'
import { Change, operatorOf } from './change.ts'
import { DeadLetterSchema, DeadLetterSummarySchema, filterFields } from './dead-letter-schemas.ts'
import { after, given, inOrder, limit, order, position, streamPath, WRONG_WAY_ROUND } from './inputs.ts'
import { requireStream } from './stream-routes.ts'

const PATH = '/streams/{stream}/dead-letters'
const letterPath = streamPath.extend({ id: position })

/** Looks at dead letters, and edits them. What redrives and discards them is a job. */
export function addDeadLetterRoutes(admin: Admin): void {
  addStreamsRoute(admin)
  addListRoutes(admin)
  addLetterRoutes(admin)
}

function addStreamsRoute(admin: Admin): void {
  const route = {
    summary: 'The streams of which dead letters are there; a page may be empty, and yet have a `next`',
    query: z.object({ after: after.optional() }),
    answer: z.object({
      streams: z.array(z.object({ stream: z.string(), letters: z.number().int() })),
      next: z.string().optional(),
    }),
  }
  adminRoute(admin, 'get', '/dead-letters', route, ({ query: { after } }) =>
    admin.ports.operations().deadLetters.streams(after),
  )
}

function addListRoutes(admin: Admin): void {
  const query = z
    .object({ ...filterFields, after: position.optional(), limit: limit(500, 50), order })
    .refine(inOrder, WRONG_WAY_ROUND)
  const list = {
    summary: 'Dead letters of a stream; a page may be short, and yet have a `next`',
    params: streamPath,
    query,
    answer: z.object({ letters: z.array(DeadLetterSchema), next: z.string().optional() }),
  }
  adminRoute(admin, 'get', PATH, list, async ({ params: { stream }, query }) => {
    const { after, limit, order, ...filter } = query
    const operations = admin.ports.operations()
    const page = given({ after, limit, order })
    const found = await operations.deadLetters.list(stream, given(filter), page)
    if (found.letters.length === 0) await requireStream(operations, stream)
    return found
  })

  const summary = {
    summary: 'How many dead letters of a stream are alike',
    params: streamPath,
    query: z.object(filterFields).refine(inOrder, WRONG_WAY_ROUND),
    answer: DeadLetterSummarySchema,
  }
  adminRoute(admin, 'get', `${PATH}/summary`, summary, async ({ params: { stream }, query }) => {
    const operations = admin.ports.operations()
    const filter: DeadLetterFilter = given(query)
    const found = await operations.deadLetters.summary(stream, filter)
    if (found.total === 0) await requireStream(operations, stream)
    return found
  })
}

const editBody = Change.extend({
  type: z.string().min(1).max(256).optional().openapi({ example: 'user.created' }),
  data: z
    .unknown()
    .optional()
    .openapi({
      type: ['object', 'array', 'string', 'number', 'boolean', 'null'],
      description: 'Of the event: any JSON',
      example: { userId: '1' },
    }),
  fields: z
    .array(z.string())
    .min(2)
    .max(2_000)
    .optional()
    .openapi({ description: 'All names and values of the entry in turn, instead of type and data' }),
  original: z.literal(true).optional().openapi({ description: 'Everything back to how it came' }),
})

/** One of the three ways. */
function changeOf({ type, data, fields, original }: z.output<typeof editBody>): DeadLetterChange {
  if (original) return { original }
  return fields ? { fields } : given({ type, data })
}

const isOneWay = ({ type, data, fields, original }: z.output<typeof editBody>): boolean =>
  [type !== undefined || data !== undefined, fields !== undefined, original !== undefined].filter(Boolean)
    .length === 1

function addLetterRoutes(admin: Admin): void {
  const letters = () => admin.ports.operations().deadLetters
  const answer = z.object({ letter: DeadLetterSchema })

  const one = { summary: 'One dead letter', params: letterPath, answer }
  adminRoute(admin, 'get', `${PATH}/{id}`, one, async ({ params: { stream, id } }) => ({
    letter: await letters().get(stream, id),
  }))

  const edit = {
    summary: 'Edit a dead letter: what is redriven from now on; what came stays readable as `original`',
    params: letterPath,
    body: editBody.refine(isOneWay, {
      path: [''],
      message: 'give type and data, or one of them; or fields; or original',
    }),
    answer,
  }
  adminRoute(admin, 'patch', `${PATH}/{id}`, edit, async ({ params: { stream, id }, body }, c) => ({
    letter: await letters().edit(stream, id, changeOf(body), operatorOf(c, body)),
  }))
}
