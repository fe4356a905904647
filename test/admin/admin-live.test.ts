import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, it } from 'vitest'
import { keyItem, randomKey } from '../../src/security/api-key.ts'
import { AdminClient, type ServerEvent } from '../support/admin-client.ts'
import { RunningService } from '../support/running-service.ts'
import { until } from '../support/until.ts'
import { useProxy } from '../support/use-proxy.ts'
import { useRedis } from '../support/use-redis.ts'
import { useEach } from '../support/use.ts'

const { server: redis, admin } = useRedis()
const proxy = useProxy(redis)
const all = useEach(
  async () => [] as RunningService[],
  (started) => Promise.all([...started].map((one) => one.stop())),
)

async function start(more: NodeJS.ProcessEnv = {}): Promise<RunningService> {
  const one = await RunningService.start({}, { REDIS_URL: redis.url, ROLES: 'connector', ...more })
  all.push(one)
  return one
}

/** What one client hears, until the stream ends. */
function listen(client: AdminClient, path = '/events?intervalMs=500') {
  const heard: ServerEvent[] = []
  let hasEnded = false
  const done = (async () => {
    for await (const event of client.events(path)) heard.push(event)
  })()
    .catch(() => {})
    .finally(() => (hasEnded = true))
  const rows = (event: string) =>
    heard.filter((one) => one.event === event).flatMap((one) => one.data.changed)
  return { heard, done, rows, ended: () => hasEnded }
}

const add = (name: string) => admin.send(['XADD', name, '*', 'type', 'a', 'data', '{}'])

it('a dashboard hears everything first, and then what changed', async () => {
  await add('live:a')
  const client = new AdminClient(await start())
  const { heard, rows } = listen(client)
  await until('all three', () => new Set(heard.map(({ event }) => event)).size === 3)
  expect(heard.every(({ data }) => data.full)).toBe(true)
  expect(rows('streams')).toMatchObject([{ stream: 'live:a', length: 1 }])
  await add('live:b')
  await until('the new one', () => rows('streams').some((row) => row.stream === 'live:b'))
  expect(heard.at(-1)).toMatchObject({
    event: 'streams',
    data: { full: false, changed: [{ stream: 'live:b' }], removed: [] },
  })
  await admin.send(['DEL', 'live:a'])
  await until('that it is gone', () => heard.some(({ data }) => data.removed?.includes('live:a')))
})

it('ends when the service stops, at once, whoever listens', async () => {
  const one = await start({ REQUEST_TIMEOUT_MS: '300' })
  const listeners = [listen(new AdminClient(one)), listen(new AdminClient(one))]
  await until('all listen', () => listeners.every(({ heard }) => heard.length >= 2))
  await add('live:late')
  // Long after the time that a request may take.
  await until('they hear on', () =>
    listeners.every(({ rows }) => rows('streams').some((row) => row.stream === 'live:late')),
  )
  const before = performance.now()
  await one.service.stop(20_000)
  expect(performance.now() - before).toBeLessThan(5_000)
  await Promise.all(listeners.map(({ done }) => done))
})

it('asks Redis once for all who listen', async () => {
  const calls = async () => {
    const info = await admin.send<string>(['INFO', 'commandstats'])
    return Number(/cmdstat_scan:calls=(\d+)/.exec(info)?.[1] ?? 0)
  }
  const client = new AdminClient(await start())
  const listeners = Array.from({ length: 20 }, () => listen(client))
  await until('all listen', () => listeners.every(({ heard }) => heard.length >= 3))
  const [before, since] = [await calls(), performance.now()]
  await until('ten more looks', async () => (await calls()) >= before + 10)
  // Twenty who look by themselves need a quarter of a second for ten.
  expect(performance.now() - since).toBeGreaterThan(1_500)
})

it('says so while Redis is away, and goes on when it is back', async () => {
  const client = new AdminClient(await start({ REDIS_URL: proxy.url('redis') }))
  const { heard, rows, ended } = listen(client)
  await until('all three', () => heard.length >= 3)
  proxy.swallow('both')
  await until('that it is away', () =>
    heard.some(({ event, data }) => event === 'unavailable' && data.of === 'streams'),
  )
  proxy.pass()
  proxy.cut()
  await add('live:again')
  await until('the new one', () => rows('streams').some((row) => row.stream === 'live:again'))
  expect(ended()).toBe(false)
})

it('a client that reads nothing neither holds memory nor the stop', async () => {
  for (let number = 0; number < 2_000; number++) void add(`live:many:${number}:${'x'.repeat(200)}`)
  const one = await start()
  const { hostname, port } = new URL(one.service.url)
  const sockets = Array.from({ length: 20 }, () => {
    const socket = connect(Number(port), hostname)
    socket.on('error', () => {}).pause()
    socket.write('GET /api/admin/events?intervalMs=500 HTTP/1.1\r\nHost: a\r\n\r\n')
    return socket
  })
  const { heard } = listen(new AdminClient(one))
  await until('others are served', () => heard.length >= 3)
  const before = performance.now()
  await one.service.stop(20_000)
  expect(performance.now() - before).toBeLessThan(5_000)
  await Promise.all(
    sockets.map((socket) => (socket.resume(), socket.closed ? undefined : once(socket, 'close'))),
  )
})

it('asks for HEAD cost nothing, and too many listeners are refused', async () => {
  const one = await start()
  const client = new AdminClient(one)
  for (let round = 0; round < 210; round++)
    expect((await client.fetch('/events', { method: 'HEAD' })).status).toBe(200)
  const hangUps = Array.from({ length: 200 }, () => new AbortController())
  const open = await Promise.all(hangUps.map(({ signal }) => client.fetch('/events', { signal })))
  expect(open.every(({ status }) => status === 200)).toBe(true)
  expect(await client.get('/events')).toMatchObject({ status: 503, body: { code: 'OVERLOADED' } })
  for (const hangUp of hangUps) hangUp.abort()
  await until('there is room again', async () => {
    const hangUp = new AbortController()
    const { status } = await client.fetch('/events', { signal: hangUp.signal })
    hangUp.abort()
    return status === 200
  })
})

it('refuses an interval that is none, and those who may not', async () => {
  const [key, reader] = [randomKey(), randomKey()]
  const one = await start({
    API_KEYS: [keyItem(key, 'ops', 'admin'), keyItem(reader, 'reader', 'read')].join(),
  })
  expect((await new AdminClient(one, reader).get('/events')).status).toBe(403)
  for (const interval of ['499', '60001', 'x', '-1'])
    expect((await new AdminClient(one, key).get(`/events?intervalMs=${interval}`)).status).toBe(400)
})
