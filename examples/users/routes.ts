import { route } from 'millrace'
import { z } from 'zod'
import { deleteUser, findUser, insertUser, listUsers, updateUser } from './user-table.ts'
import { Changes, changesBetween, NewUser, User, UserChange, UserId, users } from './user.ts'

/** How long an answer waits for the relay, in ms, to tell where the event stands. It comes in any case. */
const RELAY_MS = 1_000

const tag = 'Users'
const success = z.literal(true)
const params = z.object({ id: UserId })
const limit = z.coerce.number().int().min(1).max(1_000).default(50)
const offset = z.coerce.number().int().min(0).max(1_000_000_000).default(0)

/** `messageId` is the entry's id; null where the relay takes longer, and the event comes later under its `eventId`. */
const Published = z.object({ success, user: User, messageId: z.string().nullable(), message: z.string() })
const Fact = Published.extend({ eventId: z.uuid() })

const create = route(
  'POST /api/users',
  { summary: 'Creates a user', tag, body: NewUser, idempotent: true, answers: { 201: Fact } },
  async ({ body, signal }, { transaction, published }) => {
    const { user, eventId } = await transaction(
      async (tx) => {
        const user = await insertUser(tx.query, body)
        const { id: userId, username, email, status } = user
        const data = { userId, username, email, status }
        return { user, eventId: await tx.publish(users, 'user.created', data, { key: userId }) }
      },
      { signal },
    )
    const messageId = await published(eventId, RELAY_MS)
    return { status: 201, body: { success: true, user, messageId, eventId, message: 'The user was created' } }
  },
)

const list = route(
  'GET /api/users',
  {
    summary: 'The users, the oldest first',
    tag,
    query: z.object({
      limit,
      offset,
      cursor: z
        .string()
        .regex(/^\d{1,18}$/, 'must be what nextCursor said')
        .default('0')
        .describe('What `nextCursor` of the page before said. Such pages neither repeat nor miss anybody.'),
    }),
    answers: {
      200: z.object({
        success,
        users: z.array(User),
        count: z.int().describe('On this page'),
        total: z.int(),
        limit: z.int(),
        offset: z.int(),
        nextCursor: z.string().nullable().describe('Null on the last page'),
      }),
    },
  },
  async ({ query: { limit, offset, cursor } }, { query }) => {
    const { users, total, next } = await listUsers(query, { limit, offset, after: cursor })
    const page = { count: users.length, total, limit, offset, nextCursor: next }
    return { status: 200, body: { success: true, users, ...page } }
  },
)

const get = route(
  'GET /api/users/:id',
  { summary: 'One user', tag, params, answers: { 200: z.object({ success, user: User }) } },
  async ({ params: { id } }, { query }) => ({
    status: 200,
    body: { success: true, user: await findUser(query, id) },
  }),
)

const change = route(
  'PUT /api/users/:id',
  {
    summary: 'Changes what is given of a user',
    tag,
    params,
    body: UserChange,
    answers: { 200: Published.extend({ changes: Changes, eventId: z.uuid().nullable() }) },
  },
  async ({ params: { id }, body, signal }, { transaction, published }) => {
    const { user, changes, eventId } = await transaction(
      async (tx) => {
        const before = await findUser(tx.query, id, 'FOR UPDATE')
        const wanted: User = Object.assign({}, before, body)
        const changes = changesBetween(before, wanted)
        // Nothing happened, so there is nothing to tell.
        if (Object.keys(changes).length === 0) return { user: before, changes, eventId: null }
        const user = await updateUser(tx.query, wanted)
        const eventId = await tx.publish(users, 'user.updated', { userId: id, changes }, { key: id })
        return { user, changes, eventId }
      },
      { signal },
    )
    const messageId = eventId === null ? null : await published(eventId, RELAY_MS)
    const message = eventId === null ? 'The user was like this already' : 'The user was changed'
    return { status: 200, body: { success: true, user, changes, messageId, eventId, message } }
  },
)

const remove = route(
  'DELETE /api/users/:id',
  { summary: 'Deletes a user', tag, params, answers: { 200: Fact } },
  async ({ params: { id }, signal }, { transaction, published }) => {
    const { user, eventId } = await transaction(
      async (tx) => {
        const user = await findUser(tx.query, id, 'FOR UPDATE')
        await deleteUser(tx.query, id)
        const data = { userId: id, username: user.username }
        return { user, eventId: await tx.publish(users, 'user.deleted', data, { key: id }) }
      },
      { signal },
    )
    const messageId = await published(eventId, RELAY_MS)
    return { status: 200, body: { success: true, user, messageId, eventId, message: 'The user was deleted' } }
  },
)

const UserEvent = z
  .object({
    id: z.string(),
    streamId: z.string(),
    streamName: z.string(),
    eventType: z.string(),
    payload: z.unknown(),
    processed: z.boolean(),
    processedAt: z.iso.datetime().nullable(),
    consumerId: z.string().nullable(),
    userId: z.string().nullable(),
    error: z.string().nullable(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'UserEvent' })

const history = route(
  'GET /api/users/:id/events',
  {
    summary: 'What was consumed of a user, the newest first; also of one that was deleted',
    tag,
    params,
    query: z.object({ limit, offset }),
    answers: {
      200: z.object({
        success,
        events: z.array(UserEvent),
        total: z.int(),
        limit: z.int(),
        offset: z.int(),
      }),
    },
  },
  async ({ params: { id }, query: { limit, offset } }, context) => {
    const { events, total } = await context.events.list({ userId: id, limit, offset })
    if (total === 0) await findUser(context.query, id)
    return { status: 200, body: { success: true, events, total, limit, offset } }
  },
)

export const routes = [create, list, get, change, remove, history]
