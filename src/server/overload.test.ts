import { describe, expect, it } from 'vitest'
import { fakeServer, json } from './fake-ports.ts'

const EVENT = JSON.stringify({ streamName: 'user:events', eventType: 'user.created', payload: 1 })
const sized = (body: string) => ({ 'content-length': String(body.length) })

/** A server whose publishing ends when the test says. */
function slowServer(inFlight: { requests: number; bodyBytes: number }) {
  const endings: (() => void)[] = []
  const publish = () => new Promise<string[]>((resolve) => endings.push(() => resolve(['1-0'])))
  const server = fakeServer({ publish }, { inFlight })
  const begun = async (count: number) => void (await expect.poll(() => endings.length).toBe(count))
  return { ...server, begun, finish: () => endings.splice(0).forEach((end) => end()) }
}

describe('overload', () => {
  it('refuses what comes in, with when to come again, and answers what only asks', async () => {
    let reason: string | undefined = 'the event loop is 1500 ms late'
    const { ask, post, published } = fakeServer({ overload: () => reason })
    const refused = await post('/api/events/custom', EVENT)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    expect(refused.headers.get('content-type')).toBe('application/problem+json')
    expect(await json(refused)).toMatchObject({
      code: 'OVERLOADED',
      detail: expect.stringContaining('1500 ms late'),
    })
    expect((await post('/trigger-test-event', '')).status).toBe(503)
    expect(published).toEqual([])
    for (const path of ['/health/live', '/health/ready', '/health', '/api/events/stats', '/'])
      expect((await ask(path)).status).toBe(200)
    reason = undefined
    expect((await post('/api/events/custom', EVENT)).status).toBe(201)
  })

  it('takes so many requests at once, and more when they are done', async () => {
    const { post, begun, finish } = slowServer({ requests: 2, bodyBytes: 1e9 })
    const running = [post('/api/events/custom', EVENT), post('/api/events/custom', EVENT)]
    await begun(2)
    expect((await post('/api/events/custom', EVENT)).status).toBe(503)
    finish()
    for (const one of running) expect((await one).status).toBe(201)
    const next = post('/api/events/custom', EVENT)
    await begun(1)
    finish()
    expect((await next).status).toBe(201)
  })

  it('takes bodies of so many bytes at once; one alone always', async () => {
    const { post, begun, finish } = slowServer({ requests: 9, bodyBytes: EVENT.length - 1 })
    const first = post('/api/events/custom', EVENT, sized(EVENT))
    await begun(1)
    expect((await post('/api/events/custom', EVENT, sized(EVENT))).status).toBe(503)
    finish()
    expect((await first).status).toBe(201)
  })

  it('counts what tells no length as the largest there may be', async () => {
    const { post, begun, finish } = slowServer({ requests: 9, bodyBytes: 7_999 })
    const first = post('/api/events/custom', EVENT)
    await begun(1)
    expect((await post('/api/events/custom', EVENT, sized(EVENT))).status).toBe(503)
    finish()
    await first
  })

  it('gives back the room of what failed', async () => {
    const { post } = fakeServer({}, { inFlight: { requests: 1, bodyBytes: 1e9 } })
    for (let time = 0; time < 3; time++)
      expect((await post('/api/events/custom', 'no JSON')).status).toBe(400)
    expect((await post('/api/events/custom', EVENT)).status).toBe(201)
  })

  it('counts what was answered with 504 while it goes on', async () => {
    const endings: (() => void)[] = []
    const publish = () => new Promise<string[]>((resolve) => endings.push(() => resolve(['1-0'])))
    const limits = { inFlight: { requests: 1, bodyBytes: 1e9 }, requestTimeoutMs: 20 }
    const { post } = fakeServer({ publish }, limits)
    expect((await post('/api/events/custom', EVENT)).status).toBe(504)
    expect((await post('/api/events/custom', EVENT)).status).toBe(503)
    endings[0]!()
    await expect.poll(async () => (await post('/api/events/custom', EVENT)).status).toBe(504)
  })
})

describe('POST /trigger-test-event', () => {
  it('publishes a test event and answers its id', async () => {
    const { post, ask } = fakeServer({ publishTestEvent: async () => '1-0' })
    const response = await post('/trigger-test-event', '')
    expect([response.status, await json(response)]).toEqual([201, { success: true, messageId: '1-0' }])
    expect((await ask('/trigger-test-event')).status).toBe(405)
  })
})
