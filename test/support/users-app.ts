import { z } from 'zod'
import { defineApp, handleOnce, route } from '../../src/app/app.ts'
import type { AppContext } from '../../src/core/app-context.ts'
import { HttpProblem } from '../../src/core/http-problem.ts'
import { stream } from '../../src/core/stream.ts'

const Status = z.enum(['active', 'inactive', 'suspended'])
const NewUser = z.object({ username: z.string().min(1).max(50), email: z.email() })
const User = NewUser.extend({ id: z.uuid(), status: Status, createdAt: z.iso.datetime() }).meta({
  id: 'User',
  example: {
    id: '6f6e5a0c-1f0e-4c57-8c5e-0d3b6a5e2f11',
    username: 'ada',
    email: 'ada@example.com',
    status: 'active',
    createdAt: '2026-01-28T10:00:00.000Z',
  },
})
type User = z.output<typeof User>

const Changes = z.record(z.string(), z.object({ from: z.string(), to: z.string() }))
const success = z.literal(true)
/** The stream entry's id, once the relay has it; the event's own id is there from the beginning. */
const Published = z.object({ messageId: z.string().nullable(), eventId: z.uuid() })

const users = stream('user:events', {
  'user.created': User,
  'user.updated': z.object({ id: z.uuid(), changes: Changes }),
})

const COLUMNS = `id, username, email, status,
  to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "createdAt"`

const createUser = route(
  'POST /api/users',
  {
    summary: 'Creates a user',
    tag: 'Users',
    body: NewUser,
    answers: { 201: Published.extend({ success, user: User, message: z.string() }) },
  },
  async ({ body: { username, email }, signal }, { transaction, published }) => {
    const created = transaction(
      async (tx) => {
        const { rows } = await tx.query<User>(
          `INSERT INTO users (username, email) VALUES ($1, $2) RETURNING ${COLUMNS}`,
          [username, email],
        )
        const user = rows[0]!
        return { user, eventId: await tx.publish(users, 'user.created', user, { key: user.id }) }
      },
      { signal },
    )
    const { user, eventId } = await created.catch(refuseTaken)
    const messageId = await published(eventId, 1_000)
    return { status: 201, body: { success: true, user, eventId, messageId, message: 'The user was created' } }
  },
)

const byId = z.object({ id: z.uuid() })

const getUser = route(
  'GET /api/users/:id',
  { summary: 'One user', tag: 'Users', params: byId, answers: { 200: z.object({ success, user: User }) } },
  async ({ params: { id } }, context) => ({
    status: 200,
    body: { success: true, user: await find(context.query, id) },
  }),
)

const changeUser = route(
  'PUT /api/users/:id',
  {
    summary: 'Changes a user',
    tag: 'Users',
    params: byId,
    body: NewUser.extend({ status: Status }).partial(),
    answers: { 200: Published.extend({ success, user: User, changes: Changes }) },
  },
  async ({ params: { id }, body }, { transaction, published }) => {
    const changed = transaction(async (tx) => {
      const before = await find(tx.query, id, 'FOR UPDATE')
      const user: User = Object.assign({}, before, body)
      await tx.query('UPDATE users SET username = $1, email = $2, status = $3 WHERE id = $4', [
        user.username,
        user.email,
        user.status,
        id,
      ])
      const changes = changesBetween(before, user)
      return { user, changes, eventId: await tx.publish(users, 'user.updated', { id, changes }, { key: id }) }
    })
    const { user, changes, eventId } = await changed.catch(refuseTaken)
    const messageId = await published(eventId, 1_000)
    return { status: 200, body: { success: true, user, changes, eventId, messageId } }
  },
)

async function find(query: AppContext['query'], id: string, lock = ''): Promise<User> {
  const { rows } = await query<User>(`SELECT ${COLUMNS} FROM users WHERE id = $1 ${lock}`, [id])
  if (rows[0]) return rows[0]
  throw new HttpProblem(404, `there is no user ${id}`)
}

const changesBetween = (before: User, after: User): z.output<typeof Changes> =>
  Object.fromEntries(
    (['username', 'email', 'status'] as const)
      .filter((field) => before[field] !== after[field])
      .map((field) => [field, { from: before[field], to: after[field] }]),
  )

function refuseTaken(error: { constraint?: string }): never {
  const field = /^users_(username|email)_key$/.exec(error.constraint ?? '')?.[1]
  if (field === undefined) throw error
  throw new HttpProblem(409, `another user has this ${field}; choose another one`, {
    code: 'TAKEN',
    issues: [{ path: field, message: 'is taken' }],
    cause: error,
  })
}

/** Counts users in a table, each once. */
const counter = handleOnce(
  users,
  { group: 'counter', deadAfterMs: 2_000 },
  {
    'user.created': async ({ event }, tx) => {
      await tx.query('INSERT INTO counted (user_id, event_id) VALUES ($1, $2)', [event.data.id, event.id])
    },
  },
)

/** The users of system C, as the reference app will have them, in little. */
export default defineApp({
  streams: [users],
  migrations: [
    {
      name: '001-users',
      sql: `CREATE TABLE users (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(), username text UNIQUE NOT NULL, email text UNIQUE NOT NULL,
        status text NOT NULL DEFAULT 'active', created_at timestamptz NOT NULL DEFAULT now()
      )`,
    },
    { name: '002-counted', sql: 'CREATE TABLE counted (user_id uuid, event_id text)' },
  ],
  routes: [createUser, getUser, changeUser],
  handlers: [counter],
})
