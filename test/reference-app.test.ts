import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import app from '../examples/app.ts'
import type { ProcessedEvent } from '../src/core/processed-events.ts'
import { createTestDatabase } from '../src/postgres/test-database.ts'
import { RunningService } from './support/running-service.ts'
import { until } from './support/until.ts'
import { usePostgres } from './support/use-postgres.ts'
import { useRedis } from './support/use-redis.ts'

const { server: redis, admin } = useRedis()
const postgres = usePostgres()

let running: RunningService
beforeEach(async () => {
  const url = await createTestDatabase(postgres.url)
  const env = { REDIS_URL: redis.url, DATABASE_URL: url, ROLES: 'api,worker' }
  running = await RunningService.start(app, env)
})
afterEach(async () => {
  await running.stop()
  await admin.send(['FLUSHALL'])
})

interface User {
  id: string
  username: string
  email: string
  status: string
  createdAt: string
  updatedAt: string
}
type Changes = Record<string, { from: string; to: string }>
interface UserAnswer {
  user: User
  changes: Changes
  messageId: string | null
  eventId: string | null
}
interface UserList {
  users: User[]
  count: number
  total: number
  nextCursor: string | null
}
interface Events {
  events: ProcessedEvent[]
  total: number
}

interface Refusal {
  code: string
  errors?: { path: string }[]
}

const UUID = expect.stringMatching(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/)
const NOBODY = '00000000-0000-4000-8000-000000000000'
const called = (username: string) => ({ username, email: `${username}@example.com` })

const signUp = async (username: string): Promise<User> => {
  const { status, body } = await running.post<UserAnswer>('/api/users', called(username))
  expect(status).toBe(201)
  return body.user
}
const change = (id: string, body: object) => running.send<UserAnswer>('PUT', `/api/users/${id}`, body)
const list = async (query: string) => (await running.get<UserList>(`/api/users?${query}`)).body
const eventsOf = (id: string, query = '') => running.get<Events>(`/api/users/${id}/events${query}`)

/** What stands in a stream: position, type and data. */
async function entries(name: string) {
  const found = await admin.send<[string, string[]][]>(['XRANGE', name, '-', '+'])
  return found.map(([position, fields]) => {
    const field = (which: string) => fields[fields.indexOf(which) + 1]!
    return { position, type: field('type'), data: JSON.parse(field('data')) as Record<string, unknown> }
  })
}

/** What the relay put into the stream of users, once it is that much. */
const relayed = (count: number) =>
  until(`${count} events of users`, async () => {
    const all = await entries('user:events')
    return all.length >= count ? all : undefined
  })

describe('users', () => {
  it('come, change and go, each time with an event that is in the stream and consumed once', async () => {
    const created = await running.post<UserAnswer>('/api/users', called('ada'))
    const { user, messageId } = created.body
    expect(created.status).toBe(201)
    expect(created.body).toEqual({
      success: true,
      user: {
        ...called('ada'),
        id: UUID,
        status: 'active',
        createdAt: user.createdAt,
        updatedAt: user.createdAt,
      },
      messageId,
      eventId: UUID,
      message: expect.any(String),
    })
    expect((await running.get(`/api/users/${user.id.toUpperCase()}`)).body).toEqual({ success: true, user })

    const changed = await change(user.id, { status: 'suspended', username: 'lovelace' })
    const changes = {
      status: { from: 'active', to: 'suspended' },
      username: { from: 'ada', to: 'lovelace' },
    }
    expect(changed).toMatchObject({ status: 200, body: { success: true, changes, eventId: UUID } })
    expect(changed.body.user).toMatchObject({ id: user.id, status: 'suspended', createdAt: user.createdAt })
    expect(changed.body.user.updatedAt > user.updatedAt).toBe(true)

    const removed = await running.send<UserAnswer>('DELETE', `/api/users/${user.id}`)
    expect(removed).toMatchObject({ status: 200, body: { success: true, user: changed.body.user } })

    const userId = user.id
    const published = await relayed(3)
    expect(published.map(({ type, data }) => ({ type, data }))).toEqual([
      { type: 'user.created', data: { userId, ...called('ada'), status: 'active' } },
      { type: 'user.updated', data: { userId, changes } },
      { type: 'user.deleted', data: { userId, username: 'lovelace' } },
    ])
    const positions = published.map(({ position }) => position)
    // Null where the machine is so busy that the relay came too late for the answer.
    for (const [index, told] of [messageId, changed.body.messageId, removed.body.messageId].entries())
      expect([null, positions[index]]).toContain(told)
    await until('all of them consumed', async () => {
      const { events } = (await eventsOf(userId)).body
      return events.length === 3 && events.every(({ processed }) => processed)
    })
    const { body } = await eventsOf(userId)
    expect(body).toMatchObject({ success: true, total: 3, limit: 50, offset: 0 })
    // In the order in which they were consumed, several at a time.
    expect(new Set(body.events.map(({ streamId }) => streamId))).toEqual(new Set(positions))
    expect((await eventsOf(userId, '?limit=1&offset=1')).body.events).toEqual([body.events[1]])
  })

  it('that are not there are 404, in every route', async () => {
    const user = await signUp('ada')
    await running.send('DELETE', `/api/users/${user.id}`)
    for (const id of [NOBODY, user.id]) {
      const path = `/api/users/${id}`
      const answers: { status: number; body: unknown }[] = [
        await running.get(path),
        await change(id, {}),
        await running.send('DELETE', path),
      ]
      if (id === NOBODY) answers.push(await running.get(`${path}/events`))
      for (const { status, body } of answers)
        expect([status, body]).toMatchObject([404, { code: 'NOT_FOUND', detail: `there is no user ${id}` }])
    }
    expect(await relayed(2)).toHaveLength(2)
  })

  it('have names and addresses of their own: 409 names the field', async () => {
    await signUp('ada')
    const bob = await signUp('bob')
    const taken = (field: string) => ({
      status: 409,
      body: { code: 'TAKEN', errors: [{ path: field, message: 'is taken' }] },
    })
    expect(await running.post('/api/users', { ...called('x'), username: 'ada' })).toMatchObject(
      taken('username'),
    )
    expect(await running.post('/api/users', { ...called('x'), email: 'ADA@Example.com' })).toMatchObject(
      taken('email'),
    )
    expect(await change(bob.id, { username: 'ada' })).toMatchObject(taken('username'))
    expect(await change(bob.id, { email: 'ada@example.com', status: 'inactive' })).toMatchObject(
      taken('email'),
    )
    expect((await running.get(`/api/users/${bob.id}`)).body).toMatchObject({ user: bob })
    expect(await relayed(2)).toHaveLength(2)
  })

  it('that change to what they are publish nothing', async () => {
    const user = await signUp('ada')
    const { body } = await change(user.id, { username: 'ada', status: 'active' })
    expect(body).toMatchObject({ user, changes: {}, messageId: null, eventId: null })
    expect(await relayed(1)).toHaveLength(1)
  })

  it('sign up once, however many try at the same time', async () => {
    const tries = await Promise.all(
      Array.from({ length: 8 }, () => running.post('/api/users', called('ada'))),
    )
    expect(tries.map(({ status }) => status).toSorted()).toEqual([201, ...Array<number>(7).fill(409)])
    expect(await relayed(1)).toHaveLength(1)
    expect(await list('')).toMatchObject({ total: 1 })
  })

  it('change one after the other: each change tells what the one before it left', async () => {
    const user = await signUp('name-0')
    const names = Array.from({ length: 10 }, (_, index) => `name-${index + 1}`)
    const answers = await Promise.all(names.map((username) => change(user.id, { username })))
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    const told = (await relayed(11)).slice(1).map(({ data }) => data['changes'] as Changes)
    const chain = told.map(({ username }) => username!)
    expect(chain.map(({ from }) => from)).toEqual(['name-0', ...chain.slice(0, -1).map(({ to }) => to)])
    expect(chain.map(({ to }) => to).toSorted()).toEqual(names.toSorted())
    expect((await running.get(`/api/users/${user.id}`)).body).toMatchObject({
      user: { username: chain.at(-1)!.to },
    })
  })
})

describe('pages of users', () => {
  const names = (users: readonly User[]) => users.map(({ username }) => username)
  const present = Array.from({ length: 12 }, (_, index) => `user-${String(index).padStart(2, '0')}`)

  it('neither repeat nor miss anybody by cursor, while users come and go', async () => {
    const users: User[] = []
    for (const name of present) users.push(await signUp(name))
    const first = await list('limit=5')
    expect(first).toMatchObject({ success: true, count: 5, total: 12, limit: 5, offset: 0 })
    // The one that the cursor stands on, one that was seen, and one that was not.
    for (const index of [4, 0, 7]) await running.send('DELETE', `/api/users/${users[index]!.id}`)
    await signUp('late')
    const second = await list(`limit=5&cursor=${first.nextCursor}`)
    const third = await list(`limit=5&cursor=${second.nextCursor}`)
    expect(third).toMatchObject({ count: 2, total: 10, nextCursor: null })
    expect(names([first, second, third].flatMap(({ users: page }) => page))).toEqual([
      ...present.filter((name) => name !== 'user-07'),
      'late',
    ])
  })

  it('neither repeat nor miss anybody by offset, while users come', async () => {
    for (const name of present) await signUp(name)
    const seen: string[] = []
    for (let offset = 0; offset < 12; offset += 4) {
      seen.push(...names((await list(`limit=4&offset=${offset}`)).users))
      await signUp(`late-${offset}`)
    }
    expect(seen).toEqual(present)
    expect(await list('offset=100')).toMatchObject({ users: [], count: 0, total: 15, nextCursor: null })
  })
})

describe('other events', () => {
  const message = { senderId: 'ada', receiverId: 'grace', content: 'Hello!', roomId: 'room 1' }
  const task = { title: 'Mend the wheel', assignedTo: 'ada', createdBy: 'grace' }
  const types = async (name: string) => (await entries(name)).map(({ type }) => type)

  it('are published as they are answered, under their types', async () => {
    const said = await running.post('/api/events/chat', message)
    expect(said).toMatchObject({ status: 201, body: { success: true, chat: message } })
    expect(await entries('chat:messages')).toEqual([
      { position: said.body['messageId'], type: 'message.sent', data: message },
    ])

    const more = { ...task, description: 'soon', priority: 'high', dueDate: '2026-12-31' }
    const created = await running.post<{ task: { id: string } }>('/api/events/tasks', more)
    expect(created).toMatchObject({ status: 201, body: { success: true, task: { ...more, id: UUID } } })
    const done = { completedBy: 'ada', completionNotes: 'It turns' }
    const completed = await running.post(`/api/events/tasks/${created.body.task.id}/complete`, done)
    expect(completed).toMatchObject({ status: 201, body: { task: { ...done, id: created.body.task.id } } })
    // Also of one that came from elsewhere.
    expect((await running.post('/api/events/tasks/a%2Fb/complete', { completedBy: 'ada' })).status).toBe(201)
    expect(await types('task:queue')).toEqual(['task.created', 'task.completed', 'task.completed'])
    expect((await entries('task:queue'))[2]!.data).toEqual({ id: 'a/b', completedBy: 'ada' })

    for (const level of ['error', 'warn', 'info', 'debug'])
      expect(
        (await running.post('/api/events/logs', { level, message: 'm', metadata: { n: 1 } })).status,
      ).toBe(201)
    expect(await types('system:logs')).toEqual(['system.error', 'system.info', 'system.info', 'system.info'])
  })

  it('are consumed by a group for each stream, counted, and stand in the audit trail once', async () => {
    const user = await signUp('ada')
    await running.post('/api/events/chat', message)
    await running.post('/api/events/tasks', task)
    await running.post('/api/events/tasks/7/complete', { completedBy: 'ada' })
    await running.post('/api/events/logs', { level: 'error', message: 'The wheel stands' })
    const trail = async () => (await running.get<Events>('/api/events/processed')).body
    await until('all of them', async () => {
      const { events } = await trail()
      return events.length === 5 && events.every(({ processed }) => processed)
    })
    const { events, total } = await trail()
    expect(total).toBe(5)
    expect(new Set(events.map(({ streamName, streamId }) => `${streamName} ${streamId}`)).size).toBe(5)
    expect(events.filter(({ userId }) => userId === user.id)).toHaveLength(1)

    const groups = {
      'user:events': 'user-processing-group',
      'chat:messages': 'chat-processing-group',
      'task:queue': 'task-processing-group',
      'system:logs': 'log-processing-group',
    }
    for (const [name, group] of Object.entries(groups)) {
      const { body } = await running.get(`/api/monitoring/streams/${name}/groups`)
      expect(body).toMatchObject({ groups: [{ group, pending: 0 }] })
    }
    const metrics = await (await fetch(`${running.service.url}/metrics`)).text()
    for (const sample of [
      /^user_sign_ups_total [1-9]/m,
      /^chat_messages_total [1-9]/m,
      /^tasks_total\{step="completed"\} [1-9]/m,
      /^log_lines_total\{level="error"\} [1-9]/m,
    ])
      expect(metrics).toMatch(sample)
    // Nobody's words and addresses stand in the log.
    expect(running.lines.some((line) => line.includes('A user signed up'))).toBe(true)
    expect(running.lines.join('\n')).not.toMatch(/ada@example|Hello!/)
  })

  it('are told of before anything happened', async () => {
    const { body } = await running.get<{ eventTypes: string[]; streams: { streamName: string }[] }>(
      '/api/events/info',
    )
    expect(body.streams.map(({ streamName }) => streamName)).toEqual(
      expect.arrayContaining(['user:events', 'chat:messages', 'task:queue', 'system:logs']),
    )
    expect(body.eventTypes.filter((type) => type !== 'test.event')).toEqual([
      'message.sent',
      'system.error',
      'system.info',
      'task.completed',
      'task.created',
      'user.created',
      'user.deleted',
      'user.updated',
    ])
  })
})

const one = `/api/users/${NOBODY}`
const REFUSED = [
  ['POST', '/api/users', {}, ['username', 'email']],
  ['POST', '/api/users', { username: 'a\0', email: 'nobody' }, ['username', 'email']],
  ['POST', '/api/users', { username: 'a'.repeat(51), email: 'a@example.com' }, ['username']],
  ['PUT', one, { status: 'gone', email: null }, ['email', 'status']],
  ['GET', '/api/users/7', undefined, ['id']],
  ['DELETE', '/api/users/7', undefined, ['id']],
  ['GET', '/api/users/7/events', undefined, ['id']],
  ['GET', `${one}/events?limit=0`, undefined, ['limit']],
  ['GET', '/api/users?limit=1001&offset=-1&cursor=x', undefined, ['limit', 'offset', 'cursor']],
  ['GET', `/api/users?limit=1.5&cursor=${'9'.repeat(19)}`, undefined, ['limit', 'cursor']],
  ['POST', '/api/events/chat', { senderId: '', content: 7 }, ['senderId', 'receiverId', 'content']],
  ['POST', '/api/events/tasks', { priority: 'now' }, ['title', 'assignedTo', 'createdBy', 'priority']],
  [
    'POST',
    '/api/events/tasks',
    { title: 'a', assignedTo: 'b', createdBy: 'c', dueDate: 'soon' },
    ['dueDate'],
  ],
  ['POST', '/api/events/tasks/7/complete', {}, ['completedBy']],
  ['POST', '/api/events/logs', { level: 'loud', metadata: [] }, ['level', 'message', 'metadata']],
] as const

it('names the fields at fault, in every route, and publishes nothing', async () => {
  for (const [method, path, given, fields] of REFUSED) {
    const { status, headers, body } = await running.send<Refusal>(method, path, given)
    const named = body.errors?.map((error) => error.path)
    expect([method, path, status, body.code, named]).toEqual([method, path, 400, 'REQUEST_INVALID', fields])
    expect(headers.get('content-type')).toBe('application/problem+json')
  }
  for (const name of ['user:events', 'chat:messages', 'task:queue', 'system:logs'])
    expect(await entries(name)).toEqual([])
})
