import { afterAll, beforeAll, expect, it } from 'vitest'
import { sizeOf } from '../src/core/entry-size.ts'
import { LiveTails, type LiveEntry } from '../src/server/live-tails.ts'
import { RunningService } from './support/running-service.ts'
import { until } from './support/until.ts'
import { useLog, useRedis } from './support/use-redis.ts'

const { server: redis, admin } = useRedis()
const log = useLog(redis)
let running: RunningService
beforeAll(async () => {
  running = await RunningService.start({}, { REDIS_URL: redis.url, ROLES: 'ingress' })
})
afterAll(() => running.stop())

const listen = (query: string, lastId?: string, signal = AbortSignal.timeout(20_000)) =>
  fetch(`${running.service.url}/api/events/live?${query}`, {
    headers: lastId === undefined ? {} : { 'last-event-id': lastId },
    signal,
  })

it('a pattern that is none is a mistake of the caller, who is told which', async () => {
  const answer = await listen(`type=${encodeURIComponent('a.>.b')}`)
  expect(answer.status).toBe(400)
  expect(await answer.json()).toMatchObject({
    code: 'REQUEST_INVALID',
    errors: [{ path: 'type', message: expect.stringContaining('patterns look like') }],
  })
})

it('whoever left off behind the end of a stream, which was made anew, hears what comes', async () => {
  await admin.send(['XADD', 'anew', '*', 'type', 'a', 'data', '1'])
  const hangUp = new AbortController()
  const answer = await listen('stream=anew', '99999999999999-0', hangUp.signal)
  let text = ''
  const reading = (async () => {
    for await (const bytes of answer.body!) text += Buffer.from(bytes).toString()
  })().catch(() => {})
  await until('the beginning', () => text.includes('listening'))
  await admin.send(['XADD', 'anew', '*', 'type', 'a', 'data', '2'])
  await until('what comes', () => text.includes('"data":2'))
  expect(text).not.toContain('"data":1')
  hangUp.abort()
  await reading
})

it('a listener that takes nothing more holds no more than a few entries, however large and many there are', async () => {
  const large = ['type', 'a', 'data', JSON.stringify('x'.repeat(50_000))]
  const write = () =>
    log.append(
      'large',
      Array.from({ length: 100 }, () => ({ fields: large })),
    )
  const entrySize = sizeOf(large)
  const mostHeld = 4
  const leaving = new AbortController()
  const tails = new LiveTails(() => log)
  const follow = (after: string) => tails.follow('large', after, leaving.signal)

  await write()
  // Behind what is kept for all: each reads by itself.
  const behind = Array.from({ length: 5 }, () => follow('0-0'))
  const pages = await Promise.all(behind.map(take))
  for (const page of pages) expect(page.length).toBeLessThanOrEqual(mostHeld)
  expect(mostHeld * entrySize).toBeLessThan(250_000)

  // Among what is kept.
  const abreast = follow(await log.lastPosition('large'))
  const first = take(abreast)
  await write()
  expect((await first).length).toBeLessThanOrEqual(mostHeld)
  const seen = new Set((await first).map(({ position }) => position))
  while (seen.size < 100) for (const { position } of await take(abreast)) seen.add(position)
  expect(seen.size).toBe(100)
  leaving.abort()
})

async function take(pages: AsyncGenerator<readonly LiveEntry[]>): Promise<readonly LiveEntry[]> {
  const { value } = await pages.next()
  return value ?? []
}

it('more listeners than there is room for are told to come again', async () => {
  const hangUp = new AbortController()
  const answers = await Promise.all(
    Array.from({ length: 200 }, () => listen('stream=many', undefined, hangUp.signal)),
  )
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  const oneMore = await listen('stream=many')
  expect([oneMore.status, oneMore.headers.get('retry-after')]).toEqual([503, '10'])
  hangUp.abort()
  await until('room again', async () => {
    const leaving = new AbortController()
    const { status } = await listen('stream=many', undefined, leaving.signal)
    leaving.abort()
    return status === 200
  })
})
