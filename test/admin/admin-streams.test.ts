import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { handle } from '../../src/app/app.ts'
import { stream } from '../../src/core/stream.ts'
import { job } from '../../src/schedule/job.ts'
import { keyItem, randomKey } from '../../src/security/api-key.ts'
import { AdminClient, at } from '../support/admin-client.ts'
import { RunningService } from '../support/running-service.ts'
import { until } from '../support/until.ts'
import { useLog, useRedis } from '../support/use-redis.ts'
import { useEach, useOnce } from '../support/use.ts'

const { server: redis, admin } = useRedis()
const log = useLog(redis)
const orders = stream('kept:orders', {})
const app = {
  streams: [orders],
  handlers: [handle(orders, { group: 'billing' }, { '*': async () => {} })],
  retention: [{ stream: 'kept:orders', policy: { maxLength: 1 } }],
  jobs: [
    job('nightly', '0 3 * * *', async () => {}, { timezone: 'Europe/Berlin' }),
    job('pulse', { everyMs: 60_000 }, { stream: 'pulses', type: 'pulse', data: {} }),
  ],
}
const env = () => ({ REDIS_URL: redis.url, ROLES: 'connector' })
const running = useOnce(
  () => RunningService.start(app, env()),
  (it) => it.stop(),
)
const client = new AdminClient(running)

const add = (name: string, ...fields: string[]) =>
  admin.send<string>(['XADD', name, '*', ...(fields.length > 0 ? fields : ['type', 'a', 'data', '{}'])])

/** The list may be a second old. */
const listed = (match: string, total: number) =>
  until('the list', async () => (await client.get(`/streams?match=${match}`)).body.total === total)

describe('the list of streams', () => {
  it('comes in pages by name, or the largest first, and by a pattern', async () => {
    for (const [name, count] of [
      ['list:a', 3],
      ['list:b', 1],
      ['list:c', 2],
    ] as const)
      for (let entry = 0; entry < count; entry++) await add(name)
    await listed('list:*', 3)

    const first = (await client.get('/streams?match=list:*&limit=2')).body
    expect(first).toMatchObject({ success: true, total: 3, next: 'list:b' })
    expect(first.streams).toMatchObject([
      { stream: 'list:a', length: 3, groups: 0, consumers: 0, pending: 0, deadLetters: 0 },
      { stream: 'list:b' },
    ])
    const second = (await client.get(at`/streams?match=list:*&limit=2&after=${first.next}`)).body
    expect(second.streams.map((row: { stream: string }) => row.stream)).toEqual(['list:c'])
    expect(second).not.toHaveProperty('next')

    const longest = (await client.get('/streams?match=list:?&sort=length')).body.streams
    expect(longest.map((row: { stream: string }) => row.stream)).toEqual(['list:a', 'list:c', 'list:b'])
    expect((await client.get('/streams?match=none*')).body).toEqual({ success: true, streams: [], total: 0 })
  })

  it('goes on where it was, though the stream is gone at which the page ended', async () => {
    for (const name of ['gone:a', 'gone:b', 'gone:c']) await add(name)
    await listed('gone:*', 3)
    const { next } = (await client.get('/streams?match=gone:*&limit=2')).body
    await admin.send(['DEL', next])
    await listed('gone:*', 2)
    const { streams } = (await client.get(at`/streams?match=gone:*&after=${next}`)).body
    expect(streams.map((row: { stream: string }) => row.stream)).toEqual(['gone:c'])
  })

  it('shows what was changed here at once', async () => {
    await add('fresh')
    await client.get('/streams')
    expect((await client.post('/streams/fresh/groups', { group: 'mailer' })).body).toEqual({
      success: true,
      created: true,
    })
    expect((await client.get('/streams?match=fresh')).body.streams).toMatchObject([
      { stream: 'fresh', groups: 1 },
    ])
  })
})

describe('a name', () => {
  it.each(['a/b', '100%', '%2F', 'two words', '{slot}x', 'ünï→', 'a?b#c', '%41', 'a+b', 'a:b;c=d'])(
    'such as %j works as a part of the path',
    async (name) => {
      await add(name)
      expect((await client.post(at`/streams/${name}/groups`, { group: name })).status).toBe(201)
      const detail = (await client.get(at`/streams/${name}`)).body
      expect(detail).toMatchObject({ stream: name, length: 1, groups: [{ group: name, behind: 1 }] })
      expect((await client.get(at`/streams/${name}/groups/${name}`)).body.group.group).toBe(name)
      expect((await client.post(at`/streams/${name}/groups/${name}/pause`)).body.paused).toBe(true)
      const dropped = await client.delete(at`/streams/${name}/groups/${name}`, { confirm: name })
      expect(dropped.body).toMatchObject({ dryRun: false, pending: 0, behind: 1 })
    },
  )

  it('that is not there answers 404 with the nearest one', async () => {
    await add('user:events')
    await admin.send(['XGROUP', 'CREATE', 'user:events', 'mailer', '0'])
    const unknown = [
      '',
      '/entries',
      '/groups',
      '/holds',
      '/scheduled',
      '/actions',
      '/retention',
      '/dead-letters',
    ]
    for (const path of [...unknown, '/dead-letters/summary', '/groups/mailer', '/groups/mailer/pending']) {
      const { status, body } = await client.get(`/streams/user:event${path}`)
      expect({ path, status, code: body.code }).toEqual({ path, status: 404, code: 'UNKNOWN_STREAM' })
      expect(body.detail).toContain('did you mean "user:events"?')
    }
    for (const path of ['', '/consumers', '/pending']) {
      const { status, body } = await client.get(`/streams/user:events/groups/mailr${path}`)
      expect({ path, status, code: body.code }).toEqual({ path, status: 404, code: 'UNKNOWN_GROUP' })
      expect(body.detail).toContain('did you mean "mailer"?')
    }
    const explained = await client.get('/explain?stream=user:event')
    expect(explained.body).toMatchObject({
      code: 'UNKNOWN_STREAM',
      detail: expect.stringContaining('user:events'),
    })
  })
})

describe('the entries of a stream', () => {
  it('come decoded and raw, in either direction, page by page', async () => {
    const positions = []
    for (let number = 0; number < 5; number++)
      positions.push(await add('entries', 'type', 'n', 'data', `{"number":${number}}`))
    const page = (await client.get('/streams/entries/entries?limit=2')).body
    expect(page.entries).toMatchObject([
      {
        position: positions[4],
        fields: ['type', 'n', 'data', '{"number":4}'],
        event: { type: 'n', data: { number: 4 } },
      },
      { position: positions[3] },
    ])
    const next = (await client.get(`/streams/entries/entries?limit=2&after=${page.next}`)).body
    expect(next.entries.map((one: { position: string }) => one.position)).toEqual([
      positions[2],
      positions[1],
    ])
    const range = `from=${positions[1]}&to=${positions[3]}&order=oldest`
    const oldest = (await client.get(`/streams/entries/entries?${range}`)).body
    expect(oldest.entries.map((one: { position: string }) => one.position)).toEqual(positions.slice(1, 4))
    expect((await client.get('/streams/entries/entries?from=2999-01-01T00:00:00Z')).body.entries).toEqual([])
  })

  it('say why one can not be decoded', async () => {
    await add('broken', 'type', 'a', 'data', '{')
    const [entry] = (await client.get('/streams/broken/entries')).body.entries
    expect(entry).toMatchObject({ undecodable: expect.stringContaining('not JSON') })
    expect(entry).not.toHaveProperty('event')
  })

  it('are bounded in bytes, however large they are', async () => {
    const large = 'x'.repeat(400_000)
    for (let number = 0; number < 4; number++) await add('large', 'type', 'a', 'data', JSON.stringify(large))
    await add('large', 'type', 'a', 'data', JSON.stringify('y'.repeat(3_000_000)))
    const seen: number[] = []
    let after = ''
    for (let pages = 0; pages < 10; pages++) {
      const response = await client.fetch(`/streams/large/entries${after && `?after=${after}`}`)
      const text = await response.text()
      expect(text.length).toBeLessThan(2_500_000)
      const { entries, next } = JSON.parse(text)
      for (const entry of entries) seen.push(entry.bytes)
      if (next === undefined) break
      after = next
    }
    expect(seen).toHaveLength(5)
    const [newest] = (await client.get('/streams/large/entries?limit=1')).body.entries
    expect(newest).toMatchObject({ truncated: true, bytes: 3_000_011 })
  })
})

describe('one stream', () => {
  it('shows its groups, holds, dead letters, and what keeps it from being trimmed', async () => {
    const position = await add('kept:orders')
    await add('kept:orders')
    await admin.send(['XGROUP', 'CREATE', 'kept:orders', 'billing', '0'])
    const hold = { position, ttlMs: 60_000, reason: 'nightly backup' }
    expect((await client.put('/streams/kept:orders/holds/nightly', hold)).body.hold).toMatchObject({
      name: 'nightly',
      position,
      expiresAt: expect.any(Number),
    })
    const { body } = await client.get('/streams/kept:orders')
    expect(body).toMatchObject({
      length: 2,
      first: position,
      deadLetters: 0,
      groups: [{ group: 'billing', behind: 2, pending: 0 }],
      holds: [{ name: 'nightly', position }],
      retention: { policy: { maxLength: 1 }, abandoned: [] },
    })
    const { retention } = (await client.get('/streams/kept:orders/retention')).body
    const blocking = retention.blockers.map(
      (one: { kind: string; name: string }) => `${one.kind} ${one.name}`,
    )
    expect(blocking.toSorted()).toEqual(['group billing', 'hold nightly'])
    await add('unkept')
    expect((await client.get('/streams/unkept/retention')).body).toEqual({ success: true, retention: null })

    expect((await client.get('/streams/kept:orders/holds')).body.holds).toHaveLength(1)
    expect((await client.get('/streams/kept:orders/holds/nightly')).body.hold.name).toBe('nightly')
    expect((await client.delete('/streams/kept:orders/holds/nightly')).body.released).toBe(true)
    expect((await client.delete('/streams/kept:orders/holds/nightly')).status).toBe(404)
    expect((await client.get('/streams/kept:orders/holds/nightly')).status).toBe(404)
    expect((await client.put('/streams/nowhere/holds/x', { position })).body.code).toBe('UNKNOWN_STREAM')
    const { actions } = (await client.get('/streams/kept:orders/actions')).body
    expect(actions).toMatchObject([
      { action: 'release-hold', actor: 'anonymous' },
      { action: 'hold', actor: 'anonymous', reason: 'nightly backup' },
    ])
  })

  it('shows what waits to enter it, which can be taken back once', async () => {
    await add('later')
    const { schedule } = log.operations
    const [id] = (await schedule.schedule('later', [
      { fields: ['type', 'reminder', 'data', '{"n":1}'], delayMs: 3_600_000 },
    ])) as string[]
    const { scheduled } = (await client.get('/streams/later/scheduled')).body
    expect(scheduled).toMatchObject([
      { id, dueAt: expect.any(String), event: { type: 'reminder', data: { n: 1 } } },
    ])
    const cancel = () => client.delete(at`/streams/later/scheduled/${id!}`, { reason: 'twice' })
    expect((await cancel()).body).toEqual({ success: true, cancelled: true })
    expect((await cancel()).status).toBe(404)
    const { actions } = (await client.get('/streams/later/actions')).body
    expect(actions).toMatchObject([
      { action: 'cancel-scheduled', reason: 'twice', detail: { scheduled: id } },
    ])
  })
})

it('the overview and the verdicts say what is not well', async () => {
  await add('stuck')
  await admin.send(['XGROUP', 'CREATE', 'stuck', 'nobody', '0'])
  const { groups } = (await client.get('/explain?stream=stuck&group=nobody')).body
  expect(groups).toMatchObject([{ stream: 'stuck', verdict: 'no-consumers', severity: 'critical' }])
  const { body } = await client.get('/overview')
  expect(body).toMatchObject({ service: { name: 'millrace', version: '9.9.9' }, jobsRunning: 0 })
  expect(body.streams).toBe((await client.get('/streams')).body.total)
  expect(body.worst[0].severity).toBe('critical')
  expect((await client.get('/explain')).body.groups.length).toBeGreaterThan(1)
})

it('the schedules of the app stand with their next ticks, and settings change them', async () => {
  const schedulesOf = async () => (await client.get('/schedules')).body.schedules
  const declared = { schedule: '0 3 * * *', timezone: 'Europe/Berlin', enabled: true, overridden: false }
  expect(await schedulesOf()).toMatchObject([
    { name: 'nightly', ...declared, nextTick: expect.stringMatching(/T0[12]:00:00/) },
    { name: 'pulse', schedule: { everyMs: 60_000 }, timezone: 'UTC' },
  ])
  const jobs = { nightly: { cron: '0 4 * * *' }, pulse: { enabled: false } }
  expect((await client.patch('/settings', { settings: { jobs } })).status).toBe(200)
  const [nightly, pulse] = await schedulesOf()
  expect(nightly).toMatchObject({ schedule: '0 4 * * *', overridden: true })
  expect(pulse).toMatchObject({ enabled: false, overridden: true })
  expect(pulse).not.toHaveProperty('nextTick')
})

describe('every route', () => {
  const [read, publish] = [randomKey(), randomKey()]
  const API_KEYS = [keyItem(read, 'reader', 'read'), keyItem(publish, 'publisher', 'publish')].join()
  const secured = useEach(
    () => RunningService.start(app, { ...env(), API_KEYS }),
    (it) => it.stop(),
  )
  const routesOf = async (one: RunningService) => {
    const { paths } = (await one.get<{ paths: Record<string, Record<string, unknown>> }>('/openapi.json'))
      .body
    const admins = Object.entries(paths).filter(([path]) => path.startsWith('/api/admin/'))
    return admins.flatMap(([path, methods]) => Object.keys(methods).map((method) => ({ path, method })))
  }

  it('is for the scope admin alone', async () => {
    const routes = await routesOf(secured)
    expect(routes.length).toBeGreaterThan(50)
    for (const { path, method } of routes) {
      const place = path.slice('/api/admin'.length).replaceAll(/\{\w+\}/g, '1-1')
      const statusWith = async (key?: string) =>
        (await new AdminClient(secured, key).ask(method.toUpperCase(), place)).status
      const statuses = [await statusWith(read), await statusWith(publish), await statusWith()]
      expect({ method, path, statuses }).toEqual({ method, path, statuses: [403, 403, 401] })
    }
  })

  it('stands in docs/operations.md, and no other', async () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8')
    const told = [...page.matchAll(/^\| `([A-Z]+ \/api\/admin\/[^`]+)` \|/gm)].map((match) => match[1]!)
    const routes = (await routesOf(secured)).map(({ method, path }) => `${method.toUpperCase()} ${path}`)
    expect([...new Set(told)].toSorted()).toEqual(routes.toSorted())
  })

  it('is documented, with examples of names', async () => {
    // oxlint-disable-next-line typescript/no-explicit-any -- what it holds is what the test is about
    const { body } = await secured.get<any>('/openapi.json')
    const parameters = body.paths['/api/admin/streams/{stream}/groups/{group}'].get.parameters
    expect(parameters).toMatchObject([
      { name: 'stream', in: 'path', required: true, schema: { example: 'user:events' } },
      { name: 'group', in: 'path', required: true, schema: { example: 'mailer' } },
    ])
    expect(body.components.schemas.Job.example.kind).toBe('replay')
    for (const { path, method } of await routesOf(secured)) {
      const { summary, security, responses } = body.paths[path][method]
      expect({ path, summary, security }).toMatchObject({
        summary: expect.any(String),
        security: expect.any(Array),
      })
      expect(responses).toHaveProperty('default')
    }
  })

  it('answers 503 before there is a connection to Redis', async () => {
    const early = RunningService.create(app, {
      ROLES: 'connector',
      REDIS_URL: 'redis://127.0.0.1:1',
      RETRY_DELAYS: '60000,60000,60000',
    })
    const starting = early.service.start().catch(() => {})
    await expect.poll(() => early.lines.some((line) => line.includes('API at'))).toBe(true)
    const asked = new AdminClient(early)
    const paths = [
      '/overview',
      '/streams',
      '/streams/a',
      '/streams/a/entries',
      '/jobs',
      '/jobs/1',
      '/keys',
      '/events',
    ]
    for (const path of [...paths, '/schedules', '/explain', '/dead-letters', '/jobs/1/events'])
      expect(await asked.get(path)).toMatchObject({ status: 503, body: { code: 'REDIS_UNAVAILABLE' } })
    const pause = await asked.post('/streams/a/groups/b/pause')
    expect(pause).toMatchObject({ status: 503, body: { code: 'REDIS_UNAVAILABLE' } })
    await early.stop()
    await starting
  })
})
