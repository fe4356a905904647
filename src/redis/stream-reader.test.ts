import { afterEach, beforeEach, expect, test } from 'vitest'
import { failureOf, until } from '../../test/support/until.ts'
import { useProxy } from '../../test/support/use-proxy.ts'
import { useRedis } from '../../test/support/use-redis.ts'
import { FIRST_POSITION } from '../core/position.ts'
import { openConnection } from './connections/servers.ts'
import { RedisStreamLog } from './redis-log.ts'
import { StreamReader } from './stream-reader.ts'

const WAIT_MS = 30_000

const { server, admin } = useRedis()
const proxy = useProxy(server)
let log: RedisStreamLog
let stream: string
let streams = 0

beforeEach(async () => {
  log = await RedisStreamLog.open({ url: proxy.url('redis'), connectTimeoutMs: 1_000 })
  stream = `reader:${streams++}`
  await log.append(stream, [{ fields: ['a', 'b'] }])
})
afterEach(() => log.close())

const readers = async (): Promise<string[]> => {
  const clients = await admin.send<string>(['CLIENT', 'LIST'])
  return clients.split('\n').filter((client) => client.includes('name=millrace-reader'))
}
const someoneBlocks = () =>
  until('a blocked reader', async () => (await readers()).some((one) => /flags=b .*cmd=xread/.test(one)))

async function waitingRead(options: { signal?: AbortSignal } = {}) {
  return log.read(stream, await log.lastPosition(stream), 10, { waitMs: WAIT_MS, ...options })
}

test('a waiting read is woken by the next entry, and its connection serves the next', async () => {
  for (let round = 0; round < 3; round++) {
    const read = waitingRead()
    await someoneBlocks()
    await log.append(stream, [{ fields: ['round', String(round)] }])
    expect(await read).toMatchObject([{ fields: ['round', String(round)] }])
  }
  expect(await readers()).toHaveLength(1)
})

test('an abort ends a waiting read and its connection', async () => {
  const stop = new AbortController()
  const read = waitingRead({ signal: stop.signal })
  await someoneBlocks()
  stop.abort()
  expect(await read).toEqual([])
  await until('no reader', async () => (await readers()).length === 0)
})

/** A reader to which something happens at the moment when its connection has been made. */
function readerWith(onConnected: (reader: StreamReader) => void): StreamReader {
  const reader: StreamReader = new StreamReader(admin, async () => {
    const connection = await openConnection({ url: server.url }, 'millrace-reader')
    onConnected(reader)
    return connection
  })
  return reader
}

test('an abort while the connection is made leaves none behind', async () => {
  const stop = new AbortController()
  const reader = readerWith(() => stop.abort())
  const after = await reader.lastPosition(stream)
  expect(await reader.read(stream, after, 10, { waitMs: WAIT_MS, signal: stop.signal })).toEqual([])
  await until('no reader', async () => (await readers()).length === 0)
})

test('closing while the connection is made leaves none behind', async () => {
  const reader = readerWith(() => void reader.close())
  const after = await reader.lastPosition(stream)
  expect(await failureOf(reader.read(stream, after, 10, { waitMs: WAIT_MS }))).toMatchObject({
    code: 'CLOSED',
  })
  await until('no reader', async () => (await readers()).length === 0)
})

test('closing the log ends a waiting read, and leaves no connection', async () => {
  const failure = failureOf(waitingRead())
  await someoneBlocks()
  await log.close()
  expect((await failure).code).toMatch(/^(CLOSED|REDIS_UNCERTAIN)$/)
  await until('no reader', async () => (await readers()).length === 0)
  expect(await failureOf(log.read(stream, FIRST_POSITION, 1))).toMatchObject({ code: 'CLOSED' })
})

test('a half-open connection is noticed while a read waits', async () => {
  const failure = failureOf(waitingRead())
  await someoneBlocks()
  proxy.swallow('both')
  const start = performance.now()
  expect(await failure).toMatchObject({ code: 'REDIS_UNCERTAIN' })
  expect(performance.now() - start).toBeLessThan(12_000)
})

test('what is there is read without a wait, in pages', async () => {
  const positions = await log.append(
    stream,
    Array.from({ length: 5 }, () => ({ fields: ['c', 'd'] })),
  )
  const all = await log.read(stream, FIRST_POSITION, 100)
  expect(all.map(({ position }) => position).slice(1)).toEqual(positions)
  expect(await log.read(stream, all[0]!.position, 2)).toEqual(all.slice(1, 3))
  expect(await log.read(stream, all.at(-1)!.position, 2)).toEqual([])
})

test.each(['read', 'lastPosition'])('%s of what is no stream says so', async (method) => {
  const call = (name: string) =>
    method === 'read' ? log.read(name, FIRST_POSITION, 1) : log.lastPosition(name)
  await admin.send(['SET', `${stream}:text`, 'text'])
  for (const name of [`${stream}:missing`, `${stream}:text`]) {
    expect(await failureOf(call(name))).toMatchObject({
      code: 'UNKNOWN_STREAM',
      message: expect.stringContaining(name),
    })
  }
  expect(await failureOf(() => call('a\nb'))).toMatchObject({ code: 'NAME_INVALID' })
})
