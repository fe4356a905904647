import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { defineApp, route, type App } from '../src/app/app.ts'
import { HttpProblem } from '../src/core/http-problem.ts'
import { stream } from '../src/core/stream.ts'
import { keyItem, randomKey } from '../src/security/api-key.ts'
import { Database } from '../src/postgres/database.ts'
import { createTestDatabase } from '../src/postgres/test-database.ts'
import { RunningService } from './support/running-service.ts'
import { usePostgres } from './support/use-postgres.ts'
import { useRedis } from './support/use-redis.ts'
import usersApp from './support/users-app.ts'

const { server: redis, admin } = useRedis()
const postgres = usePostgres()

let running: RunningService | undefined
let database: Database | undefined
afterEach(async () => {
  await running?.stop()
  await database?.close()
  running = database = undefined
  await admin.send(['FLUSHALL'])
})

async function start(app: Partial<App> = usersApp, more: NodeJS.ProcessEnv = {}): Promise<RunningService> {
  const url = await createTestDatabase(postgres.url)
  database = new Database({ url })
  running = await RunningService.start(app, { REDIS_URL: redis.url, DATABASE_URL: url, ...more })
  return running
}

interface UserAnswer {
  success: true
  user: { id: string; username: string; email: string; status: string }
  messageId: string | null
  eventId: string
  changes: unknown
}

// oxlint-disable-next-line typescript/no-explicit-any -- what a test looks at, it knows
type Any = any

async function send<T = Any>(method: string, path: string, body?: unknown, headers = {}) {
  const response = await fetch(running!.service.url + path, {
    method,
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    body: (text ? JSON.parse(text) : undefined) as T,
  }
}

const ada = { username: 'ada', email: 'ada@example.com' }
const entries = (name: string) => admin.send<[string, string[]][]>(['XRANGE', name, '-', '+'])

describe('a route of an app', () => {
  it('changes a row and publishes its event as one fact, with the id of the entry in its answer', async () => {
    await start()
    const created = await send<UserAnswer>('POST', '/api/users', ada, { 'x-correlation-id': 'request-7' })
    expect(created).toMatchObject({
      status: 201,
      body: { success: true, user: { ...ada, status: 'active' } },
    })
    const { user, messageId, eventId } = created.body
    const [[position, fields]] = (await entries('user:events')) as [[string, string[]]]
    expect(position).toBe(messageId)
    expect(fields).toEqual(expect.arrayContaining([eventId, 'user.created', user.id, 'request-7']))

    expect(await send('GET', `/api/users/${user.id}`)).toMatchObject({ status: 200, body: { user } })
    const changed = await send<UserAnswer>('PUT', `/api/users/${user.id}`, { status: 'suspended' })
    expect(changed.body).toMatchObject({
      user: { ...user, status: 'suspended', updatedAt: expect.any(String) },
      changes: { status: { from: 'active', to: 'suspended' } },
    })
    await expect.poll(() => database!.query('SELECT event_id FROM counted')).toEqual([{ event_id: eventId }])
    await expect
      .poll(async () => (await running!.processed('user.created'))[0])
      .toMatchObject({ processed: true })
  })

  it('refuses with the fields at fault, and answers problems as they are thrown', async () => {
    await start()
    const faults = await send('POST', '/api/users', { username: '', email: 'nobody' })
    expect(faults).toMatchObject({
      status: 400,
      body: { code: 'REQUEST_INVALID', errors: [{ path: 'username' }, { path: 'email' }] },
    })
    expect(faults.headers.get('content-type')).toBe('application/problem+json')
    expect((await send('GET', '/api/users/7')).body).toMatchObject({ status: 400, errors: [{ path: 'id' }] })
    const nobody = '00000000-0000-4000-8000-000000000000'
    expect((await send('GET', `/api/users/${nobody}`)).body).toMatchObject({
      status: 404,
      code: 'NOT_FOUND',
      detail: `there is no user ${nobody}`,
    })
    await send('POST', '/api/users', ada)
    expect((await send('POST', '/api/users', { ...ada, username: 'bob' })).body).toMatchObject({
      status: 409,
      code: 'TAKEN',
      errors: [{ path: 'email', message: 'is taken' }],
    })
    expect((await send('PATCH', `/api/users/${nobody}`)).status).toBe(405)
    // What was refused left nothing.
    expect(await entries('user:events')).toHaveLength(1)
    expect(await database!.query('SELECT 1 FROM users')).toHaveLength(1)
  })

  it('needs its scope, and counts for the limit of its client', async () => {
    const [read, publish] = [randomKey(), randomKey()]
    const keys = [keyItem(read, 'reader', 'read'), keyItem(publish, 'writer', 'read+publish')]
    await start(usersApp, { API_KEYS: keys.join(','), RATE_LIMIT_MAX: '5', RATE_LIMIT_WINDOW_MS: '60000' })
    const as = (key: string) => ({ authorization: `Bearer ${key}` })
    expect((await send('POST', '/api/users', ada)).status).toBe(401)
    expect((await send('POST', '/api/users', ada, as(read))).status).toBe(403)
    const created = await send<UserAnswer>('POST', '/api/users', ada, as(publish))
    expect(created.status).toBe(201)
    const one = `/api/users/${created.body.user.id}`
    expect((await send('GET', one)).status).toBe(401)
    expect((await send('GET', one, undefined, as(read))).status).toBe(200)
    let last = 0
    for (let i = 0; i < 5; i++) last = (await send('GET', one, undefined, as(read))).status
    expect(last).toBe(429)
  })

  it('is in the OpenAPI document, with its schemas and their examples', async () => {
    await start()
    const { body } = await send('GET', '/openapi.json')
    const post = body['paths']['/api/users'].post
    expect(post).toMatchObject({
      tags: ['Users'],
      summary: 'Creates a user',
      security: [{ bearer: ['publish'] }, {}],
    })
    expect(Object.keys(post.responses)).toEqual(['201', 'default'])
    expect(body['paths']['/api/users/{id}'].get.parameters).toMatchObject([{ name: 'id', in: 'path' }])
    expect(body['components'].schemas.User.example).toMatchObject({ username: 'ada' })
    expect(JSON.stringify(post.responses['201'])).toContain('#/components/schemas/User')
  })
})

describe('what comes with a request', () => {
  const echo = route(
    'POST /echo/:name',
    {
      summary: 'Answers what it gets',
      scope: null,
      query: z.object({ n: z.coerce.number().default(1) }),
      headers: z.object({ 'X-Tone': z.string().optional() }),
      body: z.object({ text: z.string() }),
      answers: { 200: z.unknown() },
    },
    async ({ params, query, headers, body, caller }) => ({
      status: 200,
      headers: { 'x-echo': params.name },
      body: { params, query, headers, body, caller: caller?.name ?? null },
    }),
  )

  it('is what the schemas make of it, within the limits of every route', async () => {
    await start({ routes: [echo] }, { MAX_BODY_BYTES: '2000', ROLES: 'api' })
    const text = { text: 'hi' }
    const answer = await send('POST', '/echo/a%2Fb%20c?n=7&other=1', text, { 'x-tone': 'low' })
    expect(answer).toMatchObject({
      status: 200,
      body: {
        params: { name: 'a/b c' },
        query: { n: 7 },
        headers: { 'X-Tone': 'low' },
        body: text,
        caller: null,
      },
    })
    expect(answer.headers.get('x-echo')).toBe('a/b c')
    expect((await send('POST', '/echo/a', { text: 'x'.repeat(2000) })).status).toBe(413)
    expect((await send('POST', '/echo/a', '{')).body).toMatchObject({ code: 'BODY_INVALID' })
    expect((await send('POST', '/echo/a', '['.repeat(200))).body).toMatchObject({ code: 'BODY_INVALID' })
    expect((await send('POST', '/echo/a', 'text', { 'content-type': 'text/plain' })).status).toBe(415)
    expect((await send('POST', '/echo/a?n=1&n=2', text)).body).toMatchObject({ errors: [{ path: 'n' }] })
    expect((await send('POST', '/echo/%ff', text)).body).toMatchObject({ code: 'REQUEST_INVALID' })
  })
})

describe('what a handler does', () => {
  const nothing = { summary: 'For a test', scope: null, answers: { 200: z.unknown(), 204: null } } as const
  const words = stream('words', { said: z.object({ word: z.string().max(5) }) })

  it('ends by its signal when nobody waits any more, and the answer is 504', async () => {
    let reason: unknown
    const slow = route('GET /slow', nothing, async ({ signal }, { transaction }) => {
      const work = transaction(
        async (tx) => {
          await tx.query('INSERT INTO tries VALUES (1)')
          await once(signal, 'abort')
        },
        { signal },
      )
      await work.catch((error: unknown) => {
        reason = error
        throw error
      })
      return { status: 204 }
    })
    const migrations = [{ name: '001-tries', sql: 'CREATE TABLE tries (n int)' }]
    await start({ routes: [slow], migrations }, { REQUEST_TIMEOUT_MS: '300', ROLES: 'api' })
    expect((await send('GET', '/slow')).body).toMatchObject({ status: 504, code: 'REQUEST_TIMEOUT' })
    await vi.waitUntil(() => reason !== undefined)
    // Waits for whoever has the table still.
    await database!.query('ALTER TABLE tries ADD COLUMN more int')
    expect(await database!.query('SELECT n FROM tries')).toEqual([])
  })

  it('has the time that its route gives it, more or less than others', async () => {
    const waits = (line: `GET /${string}`, timeoutMs: number, ms: number) =>
      route(line, { ...nothing, timeoutMs }, async ({ signal }) => {
        await sleep(ms, undefined, { signal }).catch(() => {})
        return { status: 200, body: { aborted: signal.aborted } }
      })
    const routes = [waits('GET /longer', 60_000, 700), waits('GET /shorter', 50, 60_000)]
    await start({ routes }, { REQUEST_TIMEOUT_MS: '300', ROLES: 'api' })
    expect(await send('GET', '/longer')).toMatchObject({ status: 200, body: { aborted: false } })
    const { status, body } = await send('GET', '/shorter')
    expect([status, body['detail']]).toEqual([504, expect.stringContaining('within 50 ms')])
  })

  it('is answered as what it throws: a problem, an event at fault, or a fault of ours that tells nothing', async () => {
    const throws = (line: `GET /${string}`, what: () => Promise<unknown>) =>
      route(line, nothing, async () => ({ status: 200, body: await what() }))
    const app = {
      streams: [words],
      routes: [
        throws('GET /teapot', async () => {
          throw new HttpProblem(418, 'no coffee here', { headers: { 'retry-after': '9' } })
        }),
        throws('GET /secret', async () => {
          throw new Error('the password is hunter2')
        }),
        throws('GET /nothing', async () => undefined),
        route('GET /other', nothing, async () => ({ status: 299, body: {} }) as never),
        route('GET /empty', nothing, async () => ({ status: 204, headers: { 'x-a': 'b' } })),
        route('GET /long', nothing, async (_, { publish }) => ({
          status: 200,
          body: await publish(words, 'said', { word: 'abcdefg' }),
        })),
        route('GET /sql', nothing, async (_, { query }) => ({ status: 200, body: await query('SELEKT') })),
      ],
    }
    await start(app, { ROLES: 'api' })
    const teapot = await send('GET', '/teapot')
    expect(teapot.body).toMatchObject({ status: 418, code: 'I_M_A_TEAPOT', detail: 'no coffee here' })
    expect(teapot.headers.get('retry-after')).toBe('9')
    for (const path of ['/secret', '/nothing', '/other', '/sql']) {
      const { status, body } = await send('GET', path)
      expect([path, status, body['code']]).toEqual([path, 500, 'INTERNAL'])
      expect(JSON.stringify(body)).not.toContain('hunter2')
    }
    const empty = await send('GET', '/empty')
    expect([empty.status, empty.body, empty.headers.get('x-a')]).toEqual([204, undefined, 'b'])
    expect((await send('GET', '/long')).body).toMatchObject({ status: 400, errors: [{ path: 'data.word' }] })
    expect(running!.lines.some((line) => line.includes('/other answered the status 299'))).toBe(true)
  })

  it('finds no PostgreSQL in a role that does not open it, and is told so', async () => {
    const asks = route('GET /ask', nothing, async (_, { query }) => ({
      status: 200,
      body: await query('SELECT 1'),
    }))
    await start({ routes: [asks] }, { ROLES: 'ingress,proxy' })
    const { body } = await send('GET', '/ask')
    expect(body).toMatchObject({ status: 503, code: 'DATABASE_UNAVAILABLE' })
    expect(body['detail']).toContain('ingress, proxy')
  })
})

describe('paths', () => {
  const named = (line: `GET /${string}`) =>
    route(line, { summary: line, scope: null, answers: { 200: z.unknown() } }, async ({ params }) => ({
      status: 200,
      body: { line, params },
    }))

  it('may be written out beside a parameter, in whatever order they are declared', async () => {
    const lines = ['/a/:x', '/a/b', '/a/:x/c', '/a/b/:y', '/:any/b/c', '/api/events/:id/more/of'] as const
    await start({ routes: lines.map((path) => named(`GET ${path}`)) }, { ROLES: 'api' })
    const line = async (path: string) => (await send('GET', path)).body['line']
    expect(await line('/a/b')).toBe('GET /a/b')
    expect(await line('/a/c')).toBe('GET /a/:x')
    expect(await line('/a/b/c')).toBe('GET /a/b/:y')
    expect(await line('/a/z/c')).toBe('GET /a/:x/c')
    expect(await line('/z/b/c')).toBe('GET /:any/b/c')
    expect(await line('/api/events/7/more/of')).toBe('GET /api/events/:id/more/of')
    expect((await running!.get('/health')).status).toBe(200)
    expect((await running!.publish('s', 't', {})).status).toBe(201)
    expect((await running!.get('/api/admin/streams')).status).toBe(200)
  })

  it('of the service itself are refused, each named with the one in its way', () => {
    const routes = [named('GET /health'), named('GET /api/events/:id'), named('GET /:x'), named('GET /mine')]
    const create = () => RunningService.create({ routes }, { REDIS_URL: redis.url })
    expect(create).toThrow(
      expect.objectContaining({
        code: 'CONFIGURATION_INVALID',
        issues: [
          { path: 'routes.GET /health', message: expect.stringContaining('GET /health of the service') },
          { path: 'routes.GET /api/events/:id', message: expect.stringContaining('/api/events/') },
          { path: 'routes.GET /:x', message: expect.stringContaining('of the service') },
        ],
      }),
    )
  })

  it('are declared once, and every mistake of an app is told at once', () => {
    const twice = [named('GET /a/:x'), named('GET /a/:y')]
    const migrations = [
      { name: '001', sql: 'SELECT 1' },
      { name: '001', sql: 'SELECT 2' },
    ]
    expect(() =>
      defineApp({ routes: twice, migrations, streams: [stream('s', {}), stream('s', {})] }),
    ).toThrow(/stream "s" twice.*route "GET \/a\/:" twice.*migration "001" twice/)
    const wrong = {
      routes: [{ path: '/a' }],
      handlers: [{}],
      migrations: [{ name: 'a b' }],
      personalFields: [''],
    }
    expect(() => defineApp(wrong as never)).toThrow(
      expect.objectContaining({
        issues: ['handlers.0', 'routes.0', 'migrations.0.name', 'migrations.0.sql', 'personalFields.0'].map(
          (path) => expect.objectContaining({ path }),
        ),
      }),
    )
  })
})
