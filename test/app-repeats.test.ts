import { randomBytes, randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import reference from '../examples/app.ts'
import { route, type App } from '../src/app/app.ts'
import { HttpProblem } from '../src/core/http-problem.ts'
import { stream } from '../src/core/stream.ts'
import { keyItem, randomKey } from '../src/security/api-key.ts'
import { until } from './support/until.ts'
import { toObject } from './support/worker-lab.ts'
import { useAppServices } from './support/use-app-services.ts'

const { admin, place, launch, start: startAs } = useAppServices()

const start = (app: Partial<App>, more: NodeJS.ProcessEnv = { ROLES: 'api' }) => startAs(app, more)

const launchReference = (roles: string) => launch('examples/app.ts', { ROLES: roles })

const under = (key: string) => ({ 'idempotency-key': key })
const length = (name: string) => admin.send<number>(['XLEN', name])
const rows = (table: string) => place.database.query(`SELECT * FROM ${table}`)

const requestKeys = () => admin.send<string[]>(['KEYS', 'millrace:request:*'])
/** As if so much time had passed since its process died. */
async function lapse(): Promise<void> {
  for (const key of await requestKeys()) await admin.send(['HSET', key, 'until', '1'])
}
/** As it stands where the process died after the last effect and before the answer was kept. */
async function forgetAnswers(): Promise<void> {
  for (const key of await requestKeys()) await admin.send(['HDEL', key, 'answer'])
}

const task = { title: 'Mend the wheel', assignedTo: 'ada', createdBy: 'grace' }
const chat = { senderId: 'ada', receiverId: 'grace', content: 'Hello!' }
const line = { level: 'error', message: 'The wheel stands' }
const called = (username: string) => ({ username, email: `${username}@example.com` })
/** Each with a body, another one, and the stream of its event. */
const POSTS = [
  ['/api/events/chat', chat, { ...chat, content: 'Bye!' }, 'chat:messages'],
  ['/api/events/tasks', task, { ...task, title: 'Grease the wheel' }, 'task:queue'],
  ['/api/events/tasks/7/complete', { completedBy: 'ada' }, { completedBy: 'bob' }, 'task:queue'],
  ['/api/events/logs', line, { ...line, level: 'info' }, 'system:logs'],
  ['/api/users', called('ada'), called('bob'), 'user:events'],
] as const

describe('the publishing POSTs of the reference app', () => {
  const startAll = () => start(reference, { ROLES: 'api,worker', TEST_EVENT_INTERVAL_MS: '0' })
  const untilLength = (name: string, count: number) =>
    until(`${count} events in ${name}`, async () => (await length(name)) === count)

  it('do once what comes twice, answer the same, and refuse another request under the key', async () => {
    const running = await startAll()
    for (const [path, body, other, name] of POSTS) {
      const before = await length(name)
      const first = await running.post(path, body, under(path))
      const again = await running.post(path, body, under(path))
      expect([path, first.status, again.status, again.body]).toEqual([path, 201, 201, first.body])
      expect(await running.post(path, other, under(path))).toMatchObject({
        status: 422,
        body: { code: 'IDEMPOTENCY_CONFLICT' },
      })
      await untilLength(name, before + 1)
      expect((await running.post(path, other, under(`${path} 2`))).status).toBe(201)
      await untilLength(name, before + 2)
    }
  })

  it('are done once where the process died before the answer was kept: a repeat gets that answer', async () => {
    const running = await startAll()
    for (const [path, body, , name] of POSTS) {
      const before = await length(name)
      const first = await running.post(path, body, under(path))
      await forgetAnswers()
      const again = await running.post(path, body, under(path))
      expect([path, again.status, again.body]).toEqual([path, 201, first.body])
      await untilLength(name, before + 1)
    }
    expect(await rows('users')).toHaveLength(1)
    expect(await rows('millrace_outbox')).toEqual([])
  })

  it('shows the key in the document, and refuses one that is none', async () => {
    const running = await start(reference)
    const { body } = await running.get('/openapi.json')
    const paths = body['paths'] as Record<string, { post: { parameters: { name: string }[] } }>
    for (const path of POSTS.map(([path]) => path.replace('/7/', '/{id}/')))
      expect(paths[path]!.post.parameters.map(({ name }) => name)).toContain('Idempotency-Key')
    expect(await running.post('/api/users', {}, under('x'.repeat(241)))).toMatchObject({ status: 400 })
    const refused = await running.post('/api/events/tasks', task, under('x'.repeat(241)))
    expect(refused).toMatchObject({ status: 400, body: { errors: [{ path: 'Idempotency-Key' }] } })
  })
})

it('a user whose process is killed after the commit is not created twice', async () => {
  const api = await launchReference('api')
  const post = (url: string) =>
    fetch(`${url}/api/users`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...under('sign-up') },
      body: JSON.stringify(called('ada')),
    })
  const answer = post(api.url).catch(() => 'nothing')
  // Without a relay, the answer waits for the event for a second.
  await until('the commit', async () => (await rows('users')).length === 1)
  await api.end('SIGKILL')
  expect(await answer).toBe('nothing')

  const second = await launchReference('api,worker')
  expect((await post(second.url)).status).toBe(409)
  await lapse()
  const repeated = await post(second.url)
  const { user, eventId } = (await repeated.json()) as { user: { id: string }; eventId: string }
  expect(repeated.status).toBe(201)
  expect(await rows('users')).toMatchObject([{ id: user.id }])
  const [, fields] = await until('the event', async () => {
    const [entry] = await admin.send<[string, string[]][]>(['XRANGE', 'user:events', '-', '+'])
    return entry
  })
  expect(toObject(fields)).toMatchObject({ id: eventId })
  expect(await length('user:events')).toBe(1)
})

const words = stream('words', { said: z.object({ word: z.string(), by: z.string() }) })
const Answer = z.object({ id: z.string(), messageId: z.string() })

/** Says a word; what is done in between is told by the test. */
const saying = (between: () => Promise<unknown> = async () => {}) =>
  route(
    'POST /say/:who',
    {
      summary: 'Says a word',
      idempotent: true,
      scope: null,
      query: z.object({ loud: z.string().default(() => randomUUID()) }),
      headers: z.object({ 'X-Tone': z.string().optional() }),
      body: z.object({ word: z.string() }),
      answers: { 201: Answer },
    },
    async ({ params, body, headers, requestId: id }, { publish }) => {
      expect(headers).toEqual({ 'X-Tone': undefined })
      const messageId = await publish(words, 'said', { ...body, by: `${params.who} ${id}` })
      await between()
      return { status: 201, body: { id, messageId } }
    },
  )

describe('an idempotent route', () => {
  const hi = { word: 'hi' }

  it('answers 409 while the first runs, also from another instance, and its answer afterwards', async () => {
    let release: (() => void) | undefined
    const held = () => new Promise<void>((resolve) => (release = resolve))
    const app = { streams: [words], routes: [saying(held)] }
    const [one, other] = [await start(app), await start(app)]
    const first = one.post('/say/ada', hi, under('k'))
    const finish = await until('the handler', () => release)
    for (const service of [one, other]) {
      const answer = await service.post('/say/ada', hi, under('k'))
      expect(answer).toMatchObject({ status: 409, body: { code: 'REQUEST_RUNNING' } })
      expect(answer.headers.get('retry-after')).toBe('1')
    }
    finish()
    const { status, body } = await first
    expect(status).toBe(201)
    expect((await other.post('/say/ada', hi, under('k'))).body).toEqual(body)
    expect(await length('words')).toBe(1)
  })

  it('takes another path, query or body for another request', async () => {
    const service = await start({ streams: [words], routes: [saying()] })
    expect((await service.post('/say/ada', hi, under('k'))).status).toBe(201)
    for (const [path, body] of [
      ['/say/bob', hi],
      ['/say/ada?loud=1', hi],
      ['/say/ada', { word: 'ho' }],
    ] as const)
      expect((await service.post(path, body, under('k'))).status).toBe(422)
    expect(await length('words')).toBe(1)
  })

  it('runs again after a failure, whatever that was, and repeats no effect', async () => {
    const failures = [new HttpProblem(503, 'not now'), new Error('a fault')]
    const between = async () => {
      const failure = failures.shift()
      if (failure) throw failure
    }
    const service = await start({ streams: [words], routes: [saying(between)] })
    const statuses: number[] = []
    let last: { body: object } | undefined
    for (let turn = 0; turn < 4; turn++) {
      last = await service.post('/say/ada', hi, under('k'))
      statuses.push((last as { status: number } & typeof last).status)
    }
    expect(statuses).toEqual([503, 500, 201, 201])
    const [[position, fields]] = (await admin.send(['XRANGE', 'words', '-', '+'])) as [[string, string[]]]
    const { id } = last!.body as z.output<typeof Answer>
    expect(last!.body).toEqual({ id, messageId: position })
    expect(toObject(fields)['data']).toBe(JSON.stringify({ word: 'hi', by: `ada ${id}` }))
    expect(await length('words')).toBe(1)
    expect((await service.post('/say/ada', { word: 'ho' }, under('k'))).status).toBe(422)
  })

  it('without a key does each time what it is asked, under an id of its own', async () => {
    const service = await start({ streams: [words], routes: [saying()] })
    const answers = [await service.post('/say/ada', hi), await service.post('/say/ada', hi)]
    expect(new Set(answers.map(({ body }) => body['id'])).size).toBe(2)
    expect(await length('words')).toBe(2)
    expect(await requestKeys()).toEqual([])
  })

  it('keeps callers apart: nobody gets the answer of somebody else', async () => {
    const [ada, bob] = [randomKey(), randomKey()]
    const keys = [keyItem(ada, 'ada', 'publish'), keyItem(bob, 'bob', 'publish')].join(',')
    const service = await start({ streams: [words], routes: [saying()] }, { ROLES: 'api', API_KEYS: keys })
    const as = (key: string) => ({ authorization: `Bearer ${key}`, ...under('k') })
    const first = await service.post('/say/it', hi, as(ada))
    const second = await service.post('/say/it', hi, as(bob))
    expect([first.status, second.status]).toEqual([201, 201])
    expect(second.body).not.toEqual(first.body)
    expect((await service.post('/say/it', hi, as(ada))).body).toEqual(first.body)
  })

  it('is 503 where Redis is away, and nothing was done', async () => {
    let runs = 0
    const counted = saying(async () => void runs++)
    const service = await start({ streams: [words], routes: [counted] })
    await admin.send(['CONFIG', 'SET', 'maxmemory', '1'])
    const refused = await service.post('/say/ada', hi, under('k'))
    await admin.send(['CONFIG', 'SET', 'maxmemory', '0'])
    expect(refused).toMatchObject({ status: 503, body: { code: 'REDIS_REFUSED' } })
    expect(runs).toBe(0)
    expect((await service.post('/say/ada', hi, under('k'))).status).toBe(201)
  })

  it('keeps its answers as secret as events are', async () => {
    const ENCRYPTION_KEYS = `k1:${randomBytes(32).toString('base64')}`
    const app = { ...reference, rpc: [] }
    const service = await start(app, { ROLES: 'api,worker', TEST_EVENT_INTERVAL_MS: '0', ENCRYPTION_KEYS })
    const said = { ...chat, content: 'the secret word' }
    const user = { username: 'ada', email: 'ada@secret.example' }
    for (const [path, body] of [
      ['/api/events/chat', said],
      ['/api/users', user],
    ] as const) {
      const first = await service.post(path, body, under('k'))
      expect(await service.post(path, body, under('k'))).toMatchObject({ status: 201, body: first.body })
      await forgetAnswers()
      const again = await service.post(path, body, under('k'))
      expect(again).toMatchObject({
        status: 201,
        body: { success: true, ...('chat' in first.body && { chat: said }) },
      })
    }
    const kept = await Promise.all((await requestKeys()).map((key) => admin.send(['HGETALL', key])))
    expect(kept).toHaveLength(2)
    expect(JSON.stringify([kept, await rows('millrace_requests')])).not.toMatch(/secret (word)|@secret/)
    expect(await rows('users')).toHaveLength(1)
  })
})

describe('transactions of an idempotent route', () => {
  const migrations = [
    { name: '001-visits', sql: 'CREATE TABLE visits (n int, at timestamptz DEFAULT now())' },
  ]
  const visiting = (after: () => Promise<unknown>) =>
    route(
      'POST /visit',
      { summary: 'Visits', idempotent: true, scope: null, answers: { 200: z.unknown() } },
      async (_, { transaction }) => {
        const results: unknown[] = []
        for (const n of [1, 2]) {
          results.push(
            await transaction(async (tx) => {
              const insert = 'INSERT INTO visits (n) VALUES ($1) RETURNING n, at'
              return n === 1 ? undefined : (await tx.query(insert, [n])).rows[0]
            }),
          )
          await after()
        }
        return { status: 200, body: { results: JSON.stringify(results) } }
      },
    )

  it('commit once each, and answer what they answered; with a key or without, as JSON keeps it', async () => {
    let failures = 2
    const after = async () => {
      if (failures-- > 0) throw new HttpProblem(503, 'not now')
    }
    const service = await start({ routes: [visiting(after)], migrations })
    const statuses: number[] = []
    for (let turn = 0; turn < 3; turn++)
      statuses.push((await service.post('/visit', undefined, under('k'))).status)
    expect(statuses).toEqual([503, 503, 200])
    const [visit] = (await rows('visits')) as [{ at: Date }]
    expect(await rows('visits')).toHaveLength(1)
    await forgetAnswers()
    const again = await service.post('/visit', undefined, under('k'))
    expect(JSON.parse(String(again.body['results']))).toEqual([null, { n: 2, at: visit.at.toISOString() }])
    const without = await service.post('/visit', undefined)
    expect(JSON.parse(String(without.body['results']))).toEqual([null, { n: 2, at: expect.any(String) }])
    expect(await rows('visits')).toHaveLength(2)
  })

  it('of two processes that both think it theirs commit once', async () => {
    let arrived = 0
    let open: (() => void) | undefined
    const gate = new Promise<void>((resolve) => (open = resolve))
    const slow = route(
      'POST /slow',
      { summary: 'Waits in its transaction', idempotent: true, scope: null, answers: { 200: z.unknown() } },
      async (_, { transaction }) => {
        arrived++
        const n = await transaction(async (tx) => {
          await tx.query('INSERT INTO visits (n) VALUES ($1)', [arrived])
          await gate
          return arrived
        })
        return { status: 200, body: { n } }
      },
    )
    const app = { routes: [slow], migrations }
    const [one, other] = [await start(app), await start(app)]
    const first = one.post('/slow', undefined, under('k'))
    await until('the first', () => arrived === 1)
    await lapse()
    const second = other.post('/slow', undefined, under('k'))
    await until('the second', async () => {
      const waiting = await place.database.query(
        `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%millrace_requests%'`,
      )
      return waiting.length > 0
    })
    open!()
    expect((await first).body).toEqual((await second).body)
    expect(await rows('visits')).toHaveLength(1)
  })

  it('refuse another request under their key also when Redis has forgotten it', async () => {
    const service = await start(reference)
    const post = (username: string) => service.post('/api/users', called(username), under('k'))
    expect((await post('ada')).status).toBe(201)
    await admin.send(['FLUSHALL'])
    expect(await post('bob')).toMatchObject({ status: 422, body: { code: 'IDEMPOTENCY_CONFLICT' } })
    expect(await rows('users')).toHaveLength(1)
  })
})
