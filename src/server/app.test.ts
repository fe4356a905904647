import { describe, expect, it } from 'vitest'
import { MillraceError } from '../core/errors.ts'
import { fakeServer, HEALTHY } from './fake-ports.ts'
import type { ProcessedEvent } from '../core/processed-events.ts'
import type { HealthReport } from './ports.ts'

const EVENT = { streamName: 'user:events', eventType: 'user.created', payload: { userId: '1' } }
const reporting = (report: Partial<HealthReport>) =>
  fakeServer({ health: async () => ({ ...HEALTHY, ...report }) })

describe('health', () => {
  it('/health/live answers OK as text', async () => {
    const response = await fakeServer().ask('/health/live')
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/)
    expect(await response.text()).toBe('OK')
  })

  it.each(['/health', '/health-check'])('%s answers as the product says', async (path) => {
    const response = await fakeServer().ask(path)
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({
      status: 'healthy',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      service: { name: 'orders', version: '1.2.3', uptime: 3600 },
      checks: HEALTHY.checks,
    })
  })

  it.each([
    ['healthy', 200],
    ['degraded', 200],
    ['unhealthy', 503],
  ] as const)('%s is %i', async (status, expected) => {
    expect((await reporting({ status }).ask('/health')).status).toBe(expected)
  })

  it('/health/ready follows readiness and says why not', async () => {
    const ready = await fakeServer().ask('/health/ready')
    expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready' }])
    const not = await reporting({ ready: false, reason: 'Redis is away' }).ask('/health/ready')
    expect([not.status, await not.json()]).toEqual([503, { status: 'not_ready', reason: 'Redis is away' }])
  })

  it('is bad where it cannot be found out', async () => {
    const { ask, logged } = fakeServer({ health: () => Promise.reject(new Error('secret')) })
    const health = await ask('/health')
    expect([health.status, await health.json()]).toMatchObject([503, { status: 'unhealthy', checks: {} }])
    const ready = await ask('/health/ready')
    expect(ready.status).toBe(503)
    expect(await ready.text()).not.toContain('secret')
    expect(logged).toHaveLength(2)
  })
})

describe('publishing', () => {
  it.each([
    '{orders}:dead-letter',
    '{millrace:settings:orders}:changes',
    'millrace:jobs',
    '{a}:group:g:inlet',
  ])('never reaches %s, which Millrace keeps for itself, alone or in a batch', async (streamName) => {
    const { post, published } = fakeServer()
    const one = await post('/api/events/custom', JSON.stringify({ ...EVENT, streamName }))
    const batch = JSON.stringify({ events: [EVENT, { ...EVENT, streamName }] })
    for (const answer of [one, await post('/api/events/batch', batch)]) {
      expect(answer.status).toBe(400)
      expect(await answer.json()).toMatchObject({ code: 'NAME_INVALID' })
    }
    expect(published).toEqual([])
  })

  it('publishes one event and answers its id', async () => {
    const { post, published } = fakeServer()
    const body = JSON.stringify({ ...EVENT, key: '1', unknown: 'ignored' })
    const response = await post('/api/events/custom', body, { 'idempotency-key': 'signup-1' })
    expect(response.status).toBe(201)
    expect(await response.json()).toEqual({ success: true, messageId: 'user:events-0' })
    const headers = { correlationid: response.headers.get('x-correlation-id') }
    const event = {
      headers,
      type: 'user.created',
      data: { userId: '1' },
      key: '1',
      idempotencyKey: 'signup-1',
    }
    expect(published).toEqual([{ stream: 'user:events', event }])
  })

  it.each([['null'], ['0'], ['""'], ['[1,"a"]'], ['{"__proto__":{"polluted":true},"constructor":1}']])(
    'hands the payload %s on as it is',
    async (payload) => {
      const { post, published } = fakeServer()
      const body = `{"streamName":"s","eventType":"t","payload":${payload},"__proto__":{"key":"x"}}`
      expect((await post('/api/events/custom', body)).status).toBe(201)
      expect(JSON.stringify(published[0]!.event.data)).toBe(payload)
      expect(published[0]!.event.key).toBeUndefined()
      expect('polluted' in {}).toBe(false)
    },
  )

  it('publishes a batch by stream and answers the ids in the order of the request', async () => {
    const { post, published } = fakeServer()
    const events = ['a', 'b', 'a', 'c', 'b'].map((streamName, payload) => ({ ...EVENT, streamName, payload }))
    const response = await post('/api/events/batch', JSON.stringify({ events }), { 'idempotency-key': 'k' })
    expect(response.status).toBe(201)
    const messageIds = ['a-0', 'b-0', 'a-1', 'c-0', 'b-1']
    expect(await response.json()).toEqual({ success: true, messageIds, count: 5 })
    expect(published.map(({ stream, event }) => [stream, event.data, event.idempotencyKey])).toEqual([
      ['a', 0, 'k/0'],
      ['a', 2, 'k/2'],
      ['b', 1, 'k/1'],
      ['b', 4, 'k/4'],
      ['c', 3, 'k/3'],
    ])
  })

  it('takes a body without Content-Length, and one just at the limit', async () => {
    const { post } = fakeServer()
    const frame = JSON.stringify({ ...EVENT, payload: '' }).length
    const body = JSON.stringify({ ...EVENT, payload: 'x'.repeat(2000 - frame) })
    expect((await post('/api/events/custom', body)).status).toBe(201)
    expect((await post('/api/events/custom', body, { 'content-length': '2000' })).status).toBe(201)
  })

  it.each(['application/json', 'application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"'])(
    'takes %s',
    async (type) => {
      const response = await fakeServer().post('/api/events/custom', JSON.stringify(EVENT), {
        'content-type': type,
      })
      expect(response.status).toBe(201)
    },
  )
})

describe('processed events', () => {
  const row: ProcessedEvent = {
    id: '7',
    streamId: '1-0',
    streamName: 's',
    eventType: 't',
    payload: { a: 1 },
    processed: true,
    processedAt: '1970-01-01T00:00:00.000Z',
    consumerId: 'c',
    userId: null,
    error: null,
    createdAt: '1970-01-01T00:00:00.000Z',
  }
  const stats = { total: 3, processed: 1, pending: 1, errors: 1, eventTypes: [{ eventType: 't', count: 3 }] }
  const processedEvents = { list: async () => ({ events: [row], total: 9 }), stats: async () => stats }

  it('answers a page', async () => {
    const response = await fakeServer({ processedEvents }).ask('/api/events/processed?limit=1&offset=3')
    expect(await response.json()).toEqual({ success: true, events: [row], total: 9, limit: 1, offset: 3 })
  })

  it('answers the counts', async () => {
    const response = await fakeServer({ processedEvents }).ask('/api/events/stats')
    expect(await response.json()).toEqual({ success: true, stats })
  })

  it.each([
    ['', { limit: 50, offset: 0 }],
    [
      '?limit=5000&offset=7&eventType=a%20b&processed=false',
      { limit: 5000, offset: 7, eventType: 'a b', processed: false },
    ],
    ['?processed=true&other=1', { limit: 50, offset: 0, processed: true }],
  ])('asks for %s', async (query, expected) => {
    const { ask, queries } = fakeServer()
    expect((await ask(`/api/events/processed${query}`)).status).toBe(200)
    expect(queries).toEqual([expected])
  })
})

describe('every answer', () => {
  it.each(['/', '/health/live', '/nowhere', '/api/events/processed?limit=x'])(
    'has the headers of %s',
    async (path) => {
      const { headers } = await fakeServer().ask(path, { headers: { 'x-correlation-id': 'order-7:a' } })
      expect(Object.fromEntries(headers)).toMatchObject({
        'x-correlation-id': 'order-7:a',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      })
    },
  )

  it('takes the request id for want of a correlation id, and makes one where there is none or a bad one', async () => {
    const idOf = async (headers: Record<string, string>) =>
      (await fakeServer().ask('/', { headers })).headers.get('x-correlation-id')
    expect(await idOf({ 'x-request-id': 'r1' })).toBe('r1')
    const made = /^[\da-f-]{36}$/
    expect(await idOf({})).toMatch(made)
    expect(await idOf({ 'x-correlation-id': '<script>' })).toMatch(made)
    expect(await idOf({ 'x-correlation-id': 'x'.repeat(129) })).toMatch(made)
  })
})

describe('failures', () => {
  it('a fault of ours is 500, logged with the correlation id, and tells nothing', async () => {
    const { post, logged } = fakeServer({ publish: () => Promise.reject(new TypeError('secret')) })
    const response = await post('/api/events/custom', JSON.stringify(EVENT), { 'x-correlation-id': 'c1' })
    expect(response.status).toBe(500)
    expect(response.headers.get('x-correlation-id')).toBe('c1')
    const text = await response.text()
    expect(JSON.parse(text)).toMatchObject({ status: 500, code: 'INTERNAL', title: 'Internal Server Error' })
    expect(text).not.toMatch(/secret|TypeError|stack/)
    expect(logged).toEqual([
      {
        message: 'A request failed',
        fields: {
          error: expect.any(TypeError),
          method: 'POST',
          path: '/api/events/custom',
          correlationId: 'c1',
        },
      },
    ])
  })

  it('a result that does not come in time is 504', async () => {
    const { post } = fakeServer({ publish: () => new Promise(() => {}) }, { requestTimeoutMs: 20 })
    const response = await post('/api/events/custom', JSON.stringify(EVENT))
    expect(response.status).toBe(504)
    expect(await response.json()).toMatchObject({ code: 'REQUEST_TIMEOUT' })
  })

  it('an outage of the database is 503 with Retry-After', async () => {
    const away = () => Promise.reject(new MillraceError('DATABASE_UNAVAILABLE', 'at postgres://a:hunter2@h'))
    const response = await fakeServer({ processedEvents: { list: away, stats: away } }).ask(
      '/api/events/stats',
    )
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('5')
    expect(await response.json()).toMatchObject({
      detail: 'at postgres://a:****@h',
      code: 'DATABASE_UNAVAILABLE',
    })
  })
})
