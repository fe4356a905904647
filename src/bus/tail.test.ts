import { afterEach, beforeEach, expect, test } from 'vitest'
import { failureOf, until } from '../../test/support/until.ts'
import { startTestRedis, type TestServer } from '../engines/test-servers.ts'
import { RedisStreamLog } from '../redis/redis-log.ts'
import { tail } from './tail.ts'

let server: TestServer
let log: RedisStreamLog
beforeEach(async () => {
  server = await startTestRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
  log = await RedisStreamLog.open({ url: server.url })
})
afterEach(async () => {
  await log.close()
  await server.stop()
})

const publish = async (data: string, count = 1): Promise<void> => {
  const entries = Array.from({ length: count }, () => ({
    fields: ['type', 't', 'data', JSON.stringify(data)],
  }))
  for (const result of await log.append('s', entries)) if (typeof result !== 'string') throw result
}

/** Follows the stream in the background. */
function follow() {
  const seen: unknown[] = []
  const ended = failureOf(async () => {
    for await (const { event } of tail(log, 's', { from: '0' })) seen.push(event!.data)
  })
  return { seen, ended }
}

test('goes on after Redis was away, and misses nothing', async () => {
  await publish('before')
  const { seen } = follow()
  await until('the first', () => seen.length === 1)
  await server.kill('SIGKILL')
  await server.restart()
  await publish('after')
  await until('the second', () => seen.length === 2)
  expect(seen).toEqual(['before', 'after'])
})

test('ends with the reason when the log is closed or the stream is gone', async () => {
  await publish('one')
  const closed = follow()
  await until('the first', () => closed.seen.length === 1)
  await log.close()
  expect(await closed.ended).toMatchObject({ code: 'CLOSED' })
})

test('reads large entries in small pages', async () => {
  for (let round = 0; round < 10; round++) await publish('x'.repeat(1_000_000), 10)
  const limits: number[] = []
  const read = log.read.bind(log)
  log.read = (stream, after, limit, options) => {
    limits.push(limit)
    return read(stream, after, limit, options)
  }
  let count = 0
  for await (const { event } of tail(log, 's', { from: '0', follow: false })) {
    if ((event!.data as string).length === 1_000_000) count++
  }
  expect(count).toBe(100)
  expect(Math.max(...limits)).toBeLessThanOrEqual(50)
  expect(limits.at(-1)).toBeLessThanOrEqual(16)
})
