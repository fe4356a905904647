import { afterEach, beforeEach, expect, test } from 'vitest'
import { failureOf, until } from '../../test/support/until.ts'
import { useRedis } from '../../test/support/use-redis.ts'
import { useEach } from '../../test/support/use.ts'
import { RedisStreamLog } from '../redis/redis-log.ts'
import { MultiStreamWorker } from './multi-stream-worker.ts'

const { server, admin } = useRedis()
beforeEach(() => admin.send(['FLUSHALL']))
const log = useEach(
  () => RedisStreamLog.open({ url: server.url }),
  (it) => it.close(),
)
let worker: MultiStreamWorker

afterEach(() => worker?.stop(1_000))

const publish = (stream: string, count: number) =>
  log.append(
    stream,
    Array.from({ length: count }, (_, number) => ({ fields: ['type', 'number', 'data', String(number)] })),
  )

const group = 'group'

test('streams come and go while it runs, and what is removed stays in its stream', async () => {
  const seen: string[] = []
  const handler = ({ stream }: { stream: string }) => void seen.push(stream)
  worker = new MultiStreamWorker(log)
  worker.add({ stream: 'first', group, handler })
  await worker.start()
  worker.add({ stream: 'second', group, handler })
  await publish('first', 3)
  await publish('second', 2)
  await until('all', () => seen.length === 5)
  await worker.remove('first', group, 1_000)
  await publish('first', 1)
  await publish('second', 1)
  await until('the second', () => seen.length === 6)
  expect(seen.at(-1)).toBe('second')
  expect(worker.status.map(({ stream }) => stream)).toEqual(['second'])
  worker.add({ stream: 'first', group, handler })
  await until('the one that waited', () => seen.length === 7)
  expect(seen.at(-1)).toBe('first')
})

test('a high one has more turns while there is more than enough to do, and a low one does not starve', async () => {
  const seen: string[] = []
  await publish('high', 800)
  await publish('low', 800)
  worker = new MultiStreamWorker(log, { concurrency: 2 })
  // Slow enough for both to have something to run at any time.
  const handler = async ({ stream }: { stream: string }) => {
    seen.push(stream)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  worker.add({ stream: 'low', group, handler })
  worker.add({ stream: 'high', group, handler, priority: 4 })
  await worker.start()
  await until('the high ones', () => seen.filter((stream) => stream === 'high').length === 800)
  // From when both have been joined.
  const low = seen.slice(seen.indexOf('high')).filter((stream) => stream === 'low').length
  expect(low).toBeGreaterThan(100)
  expect(low).toBeLessThan(400)
})

test('one that can not be joined harms no other, says why, and is consumed as soon as it can be', async () => {
  await admin.send(['SET', 'bad', 'a text'])
  const seen: string[] = []
  const handler = ({ stream }: { stream: string }) => void seen.push(stream)
  worker = new MultiStreamWorker(log)
  worker.add({ stream: 'bad', group, handler })
  worker.add({ stream: 'good', group, handler })
  await worker.start()
  await publish('good', 5)
  await until('the good ones', () => seen.length === 5)
  const bad = () => worker.status.find(({ stream }) => stream === 'bad')!
  expect(await until('the reason', () => bad().error)).toMatchObject({
    message: expect.stringContaining('bad'),
  })
  await admin.send(['DEL', 'bad'])
  await publish('bad', 1)
  await until('the bad one', () => seen.includes('bad'))
  expect(bad().error).toBeUndefined()
})

test('one that goes bad while it runs harms no other, and is consumed again when it is well', async () => {
  const seen: string[] = []
  const handler = ({ stream }: { stream: string }) => void seen.push(stream)
  worker = new MultiStreamWorker(log)
  for (const stream of ['bad', 'good']) worker.add({ stream, group, handler })
  await worker.start()
  await publish('bad', 1)
  await until('the first', () => seen.length === 1)
  await admin.send(['DEL', 'bad'])
  await admin.send(['SET', 'bad', 'a text'])
  await publish('good', 100)
  await until('the good ones', () => seen.length === 101)
  await admin.send(['DEL', 'bad'])
  await publish('bad', 1)
  await until('the bad one', () => seen.length === 102)
  expect(seen.at(-1)).toBe('bad')
})

test('what makes no sense is refused, and so is a group that is there', async () => {
  worker = new MultiStreamWorker(log)
  const handler = () => {}
  worker.add({ stream: 's', group, handler })
  expect(await failureOf(() => worker.add({ stream: 's', group, handler }))).toMatchObject({
    code: 'CONFIGURATION_INVALID',
  })
  for (const priority of [0, NaN, 1e9])
    expect(await failureOf(() => worker.add({ stream: 't', group, handler, priority }))).toMatchObject({
      message: expect.stringContaining('priority'),
    })
  expect(await failureOf(() => new MultiStreamWorker(log, { concurrency: 0 }))).toMatchObject({
    message: expect.stringContaining('concurrency'),
  })
  await worker.stop(100)
  expect(await failureOf(() => worker.add({ stream: 'u', group, handler }))).toMatchObject({ code: 'CLOSED' })
})
