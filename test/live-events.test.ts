import { connect } from 'node:net'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { stream } from '../src/core/stream.ts'
import { keyItem, randomKey } from '../src/security/api-key.ts'
import { LiveTails, type LiveLog } from '../src/server/live-tails.ts'
import { AdminClient, type ServerEvent } from './support/admin-client.ts'
import { RunningService } from './support/running-service.ts'
import { until } from './support/until.ts'
import { useRedis } from './support/use-redis.ts'
import { useEach } from './support/use.ts'

const { server: redis, admin } = useRedis()
const one = useEach(
  () => RunningService.start({ streams: [users, chat] }, { REDIS_URL: redis.url, ROLES: 'ingress' }),
  async (running) => {
    await running.stop()
    await admin.send(['FLUSHALL'])
  },
)

const users = stream('user:events', { 'user.created': z.unknown(), 'user.updated': z.unknown() })
const chat = stream('chat:messages', { 'message.sent': z.unknown() })

const add = (name: string, type: string, data: unknown) =>
  admin.send<string>(['XADD', name, '*', 'type', type, 'data', JSON.stringify(data)])

/** What one client hears, until it hangs up. */
function listen(query = '', lastId?: string) {
  const heard: ServerEvent[] = []
  // Its paths are below /api/admin.
  const path = `/../events/live${query}`
  const events = new AdminClient(one).events(path, lastId === undefined ? {} : { 'last-event-id': lastId })
  const done = (async () => {
    for await (const event of events) heard.push(event)
  })().catch(() => {})
  const messages = () => heard.filter(({ event }) => event === 'message')
  return {
    heard,
    done,
    messages,
    data: () => messages().map(({ data }) => data.data),
    lastId: () => heard.at(-1)?.id,
    ready: () => until('the beginning', () => heard.length > 0),
    hangUp: () => events.return(undefined),
  }
}

it('a listener hears what comes from now on, in its order, and with the ids of the entries', async () => {
  await add('user:events', 'user.created', 0)
  const listener = listen('?stream=user:events')
  await listener.ready()
  expect(listener.heard[0]).toMatchObject({ event: 'listening', data: { streams: ['user:events'] } })
  const ids = [await add('user:events', 'user.created', 1), await add('user:events', 'user.updated', 2)]
  await add('chat:messages', 'message.sent', 9)
  await until('both', () => listener.messages().length === 2)
  expect(listener.messages().map(({ id }) => id)).toEqual(ids)
  expect(listener.messages()[0]!.data).toMatchObject({
    stream: 'user:events',
    position: ids[0],
    type: 'user.created',
    data: 1,
  })
})

it('goes on exactly behind the last one it heard, whatever came meanwhile', async () => {
  const before = listen('?stream=user:events')
  await before.ready()
  const first = before.heard[0]!.id!
  const ids: string[] = []
  for (let i = 0; i < 700; i++) ids.push(await add('user:events', 'user.created', i))
  await until('some', () => before.messages().length > 10)
  const all = listen('?stream=user:events', first)
  const some = listen('?stream=user:events', ids[399])
  await add('user:events', 'user.created', 700)
  await until('all', () => all.messages().length === 701 && some.messages().length === 301)
  expect(all.data()).toEqual(Array.from({ length: 701 }, (_, i) => i))
  expect(some.data()).toEqual(Array.from({ length: 301 }, (_, i) => i + 400))
  await until('the first one, too', () => before.messages().length === 701)
})

it('hears several streams, and goes on in all of them by one id', async () => {
  const before = listen()
  await before.ready()
  for (let i = 0; i < 20; i++) await add(i % 3 ? 'user:events' : 'chat:messages', 'a', i)
  await until('all', () => before.messages().length === 20)
  const cut = before.messages()[11]!
  const heard = before.data().slice(0, 12)
  const after = listen('', cut.id)
  await until('the rest', () => after.messages().length === 8)
  expect([...heard, ...after.data()].toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 20 }, (_, i) => i),
  )
})

it('hears the types that it asks for, by pattern, and what is no event as such', async () => {
  const updates = listen('?stream=user:events&type=user.updated')
  const mine = listen('?type=user.*')
  const all = listen('?stream=user:events')
  await Promise.all([updates, mine, all].map((listener) => listener.ready()))
  await add('user:events', 'user.created', 1)
  await admin.send(['XADD', 'user:events', '*', 'type', 'user.created', 'data', '{broken'])
  await add('user:events', 'user.updated', 2)
  await add('chat:messages', 'message.sent', 3)
  await add('user:events', 'user.updated', 4)
  await until('those', () => mine.messages().length === 3 && all.messages().length === 4)
  expect([updates.data(), mine.data()]).toEqual([
    [2, 4],
    [1, 2, 4],
  ])
  expect(all.messages()[1]!.data).toMatchObject({ stream: 'user:events', undecodable: true })
})

it('waits for a stream that is not there yet, and for one that comes again', async () => {
  const listener = listen('?stream=later')
  await listener.ready()
  await add('later', 'a', 1)
  await until('the first', () => listener.messages().length === 1)
  await admin.send(['DEL', 'later'])
  await add('later', 'a', 2)
  await until('the next', () => listener.messages().length === 2)
  expect(listener.data()).toEqual([1, 2])
})

it('needs the scope `read`, and an id of its own', async () => {
  const [key, reader] = [randomKey(), randomKey()]
  const API_KEYS = [keyItem(key, 'writer', 'publish'), keyItem(reader, 'reader', 'read')].join()
  const secured = await RunningService.start({}, { REDIS_URL: redis.url, ROLES: 'ingress', API_KEYS })
  const ask = async (path: string, headers: Record<string, string>) => {
    const answer = await fetch(secured.service.url + path, { headers })
    await answer.body?.cancel()
    return answer.status
  }
  const as = (token: string) => ({ authorization: `Bearer ${token}` })
  expect(await ask('/api/events/live', {})).toBe(401)
  expect(await ask('/api/events/live', as(key))).toBe(403)
  expect(await ask('/api/events/live', as(reader))).toBe(200)
  expect(await ask('/api/events/live?stream=s', { ...as(reader), 'last-event-id': 'a=1-1' })).toBe(400)
  expect(await ask('/api/events/live', { ...as(reader), 'last-event-id': 'a=b' })).toBe(400)
  expect(await ask('/api/monitoring/streams', as(key))).toBe(403)
  await secured.stop()
})

it('the stop of the service ends it at once', async () => {
  const running = await RunningService.start({}, { REDIS_URL: redis.url, ROLES: 'ingress' })
  const answer = await fetch(`${running.service.url}/api/events/live?stream=s`)
  const text = answer.text().catch(() => '')
  const since = performance.now()
  await running.stop()
  await text
  expect(performance.now() - since).toBeLessThan(4_000)
})

it('a client that takes nothing holds up no other, and goes on where it was', async () => {
  const { hostname, port } = new URL(one.service.url)
  const socket = connect(Number(port), hostname)
  socket.write('GET /api/events/live?stream=user:events HTTP/1.1\r\nHost: x\r\n\r\n')
  await new Promise((resolve) => socket.once('data', resolve))
  socket.pause()
  const listener = listen('?stream=user:events')
  await listener.ready()
  const large = 'x'.repeat(50_000)
  for (let i = 0; i < 600; i++) await add('user:events', 'user.created', [i, large])
  await until('all', () => listener.messages().length === 600)
  let text = ''
  socket.on('data', (bytes) => (text += String(bytes)))
  socket.resume()
  const numbers = () => [...text.matchAll(/"data":\[(\d+),/g)].map(([, number]) => Number(number))
  await until('all, later', () => numbers().length === 600)
  expect(numbers()).toEqual(Array.from({ length: 600 }, (_, i) => i))
  socket.destroy()
})

it('reads a stream once for all who listen, and no more when nobody does', async () => {
  const reads: { waits: boolean }[] = []
  const entries: { position: string; fields: string[] }[] = []
  const log: LiveLog = {
    lastPosition: async () => entries.at(-1)?.position ?? '0-0',
    read: async (_, after, limit, { waitMs = 0, signal } = {}) => {
      reads.push({ waits: waitMs > 0 })
      const found = () =>
        entries.filter(({ position }) => Number(position.slice(0, -2)) > Number(after.slice(0, -2)))
      if (waitMs > 0) await until('an entry', () => found().length > 0 || signal!.aborted)
      return found().slice(0, limit)
    },
  }
  const tails = new LiveTails(() => log)
  const leaving = new AbortController()
  const heard = Array.from({ length: 20 }, () => [] as string[])
  const listening = heard.map(async (mine) => {
    for await (const page of tails.follow('s', '0-0', leaving.signal))
      mine.push(...page.map((one) => one.position))
  })
  for (let i = 1; i <= 50; i++) {
    entries.push({ position: `${i}-0`, fields: ['type', 'a', 'data', '1'] })
    await until('all', () => heard.every((mine) => mine.length === i))
  }
  expect(reads.filter(({ waits }) => waits).length).toBeLessThan(60)
  expect(reads.filter(({ waits }) => !waits).length).toBeLessThan(60)
  // One that takes nothing more when it leaves is no exception.
  const idle = tails.follow('s', '0-0', leaving.signal)
  await idle.next()
  leaving.abort()
  await Promise.all(listening)
  const since = reads.length
  entries.push({ position: '51-0', fields: ['type', 'a', 'data', '1'] })
  await new Promise((done) => setTimeout(done, 20))
  expect(reads.length).toBe(since)
})

it('monitoring tells of streams, of one, and of its groups', async () => {
  await add('user:events', 'user.created', 1)
  await admin.send(['XGROUP', 'CREATE', 'user:events', 'mailer', '0'])
  expect((await one.get('/api/events/info')).body).toEqual({
    success: true,
    streams: [
      { streamName: 'event-stream', eventTypes: [] },
      { streamName: 'user:events', eventTypes: ['user.created', 'user.updated'] },
      { streamName: 'chat:messages', eventTypes: ['message.sent'] },
    ],
    eventTypes: ['message.sent', 'user.created', 'user.updated'],
  })
  const list = await one.get('/api/monitoring/streams')
  expect(list.body).toMatchObject({ total: 1, streams: [{ stream: 'user:events', length: 1, groups: 1 }] })
  const path = `/api/monitoring/streams/${encodeURIComponent('user:events')}`
  expect((await one.get(path)).body).toMatchObject({ stream: { name: 'user:events', length: 1, groups: 1 } })
  expect((await one.get(`${path}/groups`)).body).toMatchObject({
    groups: [{ group: 'mailer', behind: 1, pending: 0 }],
  })
  for (const missing of ['/none', '/none/groups'])
    expect((await one.get(`/api/monitoring/streams${missing}`)).body).toMatchObject({
      status: 404,
      code: 'UNKNOWN_STREAM',
    })
})
