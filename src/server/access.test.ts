import { describe, expect, it } from 'vitest'
import type { RateLimiter, RateVerdict } from '../core/access.ts'
import { MillraceError } from '../core/errors.ts'
import { Access } from '../security/access.ts'
import { keyItem, randomKey } from '../security/api-key.ts'
import { ApiKeys } from '../security/api-keys.ts'
import { fakeServer, json } from './fake-ports.ts'

const keys = { read: randomKey(), publish: randomKey(), admin: randomKey() }
const access = () =>
  new Access(new ApiKeys(Object.entries(keys).map(([scope, key]) => keyItem(key, `the-${scope}-key`, scope))))
const EVENT = JSON.stringify({ streamName: 's', eventType: 't', payload: 1 })
const CUSTOM = '/api/events/custom'
const sending = (key: string) => ({ 'x-api-key': key })

/** Counts every take, and refuses when told. */
function fakeLimiter(change: Partial<RateVerdict> = {}) {
  const taken: [string, number][] = []
  const rateLimiter: RateLimiter = {
    async take(client, weight = 1) {
      taken.push([client, weight])
      return { allowed: true, limit: 100, windowSeconds: 10, remaining: 50, resetSeconds: 30, ...change }
    },
  }
  return { taken, rateLimiter }
}

describe('who may do what', () => {
  it.each([
    ['publish', 'publish', 201],
    ['publish', 'admin', 201],
    ['publish', 'read', 403],
    ['read', 'read', 200],
    ['read', 'admin', 200],
    ['read', 'publish', 403],
  ] as const)('to %s with the scope %s is %i', async (what, scope, status) => {
    const { ask, post } = fakeServer({ access: access() })
    const headers = sending(keys[scope])
    const response = await (what === 'publish'
      ? post(CUSTOM, EVENT, headers)
      : ask('/api/events/stats', { headers }))
    expect(response.status).toBe(status)
    if (status !== 403) return
    const detail = `this needs the scope "${what}", which the-${scope}-key does not have`
    expect(await response.json()).toMatchObject({ code: 'FORBIDDEN', detail })
  })

  it.each([
    ['no key', {}, 'this needs a key or a token'],
    ['an unknown key', sending(randomKey()), 'the key or token is not accepted'],
    ['nonsense', { authorization: 'Bearer x' }, 'the key or token is not accepted'],
  ])('%s is 401, before the body is looked at', async (_, headers, words) => {
    const { post, published } = fakeServer({ access: access() })
    const response = await post(CUSTOM, '{broken', headers as Record<string, string>)
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe('Bearer')
    expect(await response.json()).toMatchObject({
      code: 'UNAUTHENTICATED',
      detail: expect.stringContaining(words),
    })
    expect(published).toEqual([])
  })

  it.each([
    '/',
    '/health',
    '/health/live',
    '/health/ready',
    '/health-check',
    '/openapi.json',
    '/api-docs',
    '/.well-known/jwks.json',
  ])('%s needs no key, and minds no wrong one', async (path) => {
    const { ask } = fakeServer({ access: access(), tokenKeys: async () => ({ keys: [] }) })
    expect((await ask(path)).status).toBe(200)
    expect((await ask(path, { headers: sending('mr_wrong') })).status).toBe(200)
  })

  it('a token that nobody can check now is 503, to be tried again', async () => {
    const unavailable = new MillraceError('TOKEN_KEYS_UNAVAILABLE', 'later')
    const { post } = fakeServer({ access: { open: false, authenticate: () => Promise.reject(unavailable) } })
    const response = await post(CUSTOM, EVENT)
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5'])
  })

  it('everybody may do everything where it is open', async () => {
    const { post } = fakeServer({ access: new Access(new ApiKeys([])) })
    expect((await post(CUSTOM, EVENT, sending('mr_whatever'))).status).toBe(201)
  })

  it('names the caller in the lines of its request, and never the key', async () => {
    const { post, logged } = fakeServer({
      access: access(),
      publish: () => Promise.reject(new Error('fault')),
    })
    await post(CUSTOM, EVENT, sending(keys.publish))
    await post(CUSTOM, EVENT, sending(`${keys.publish}x`))
    expect(logged).toContainEqual(
      expect.objectContaining({
        message: 'A request failed',
        fields: expect.objectContaining({ caller: 'the-publish-key' }),
      }),
    )
    const all = JSON.stringify(logged, (_, value: unknown) => (value instanceof Error ? value.stack : value))
    for (const key of Object.values(keys)) expect(all).not.toContain(key.slice(12))
  })

  it('is in the description: the ways to say who one is, and the scope of each route', async () => {
    const { ask } = fakeServer()
    const document = await json<Record<string, Record<string, never>>>(await ask('/openapi.json'))
    expect(document).toMatchObject({
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer' },
          apiKey: { type: 'apiKey', in: 'header', name: 'X-Api-Key' },
        },
      },
      paths: {
        [CUSTOM]: { post: { security: [{ bearer: ['publish'] }, { apiKey: ['publish'] }] } },
        '/api/events/stats': { get: { security: [{ bearer: ['read'] }, { apiKey: ['read'] }] } },
      },
    })
    expect(document['paths']!['/health']!['get']).not.toHaveProperty('security')
  })
})

describe('how often a client may ask', () => {
  const HEADERS = { 'ratelimit-policy': '"default";q=100;w=10', ratelimit: '"default";r=50;t=30' }

  it.each(['/', '/nowhere', '/openapi.json', CUSTOM])(
    'is told with every answer, such as that of %s',
    async (path) => {
      const { ask } = fakeServer({ rateLimiter: fakeLimiter().rateLimiter })
      expect(Object.fromEntries((await ask(path)).headers)).toMatchObject(HEADERS)
    },
  )

  it('is 429 when it was too often, before anything is done', async () => {
    const { rateLimiter } = fakeLimiter({ allowed: false, remaining: 0 })
    const { post, published } = fakeServer({ rateLimiter })
    const response = await post(CUSTOM, EVENT)
    expect(response.status).toBe(429)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/problem+json',
      'retry-after': '30',
      'ratelimit-policy': '"default";q=100;w=10',
      ratelimit: '"default";r=0;t=30',
      'x-content-type-options': 'nosniff',
    })
    expect(await response.json()).toMatchObject({ code: 'RATE_LIMITED' })
    expect(published).toEqual([])
  })

  it.each(['/health', '/health/live', '/health/ready', '/health-check', '/metrics'])(
    'does not matter to %s',
    async (path) => {
      const { taken, rateLimiter } = fakeLimiter({ allowed: false })
      const response = await fakeServer({ rateLimiter }).ask(path)
      expect([taken, response.status === 429]).toEqual([[], false])
    },
  )

  it('counts for the caller, else for the address, and double for a wrong key', async () => {
    const { taken, rateLimiter } = fakeLimiter()
    const { app } = fakeServer({ access: access(), rateLimiter })
    const from = (remoteAddress: string, headers: Record<string, string> = {}) =>
      app.fetch(new Request('http://localhost/api/events/stats', { headers }), {
        incoming: { socket: { remoteAddress } },
      } as never)
    await from('::ffff:198.51.100.1')
    await from('2001:db8:1:2:3::4')
    await from('198.51.100.1', sending(keys.read))
    await from('198.51.100.1', sending(randomKey()))
    await from('198.51.100.1', { 'x-forwarded-for': '203.0.113.9' })
    expect(taken).toEqual([
      ['address:198.51.100.1', 1],
      ['address:2001:db8:1:2::/64', 1],
      ['caller:the-read-key', 1],
      ['address:198.51.100.1', 2],
      ['address:198.51.100.1', 1],
    ])
  })
})

describe('browsers', () => {
  const post = (headers: Record<string, string>) =>
    fakeServer().post(CUSTOM, EVENT, { host: 'localhost', ...headers })

  it.each([
    [{ origin: 'https://evil.example' }],
    [{ origin: 'null' }],
    [{ origin: 'http://localhost.evil.example' }],
    [{ origin: 'http://localhost:81' }],
    [{ origin: 'nonsense' }],
    [{ 'sec-fetch-site': 'cross-site' }],
    [{ 'sec-fetch-site': 'same-site' }],
    [{ 'sec-fetch-site': 'cross-site', origin: 'http://localhost' }],
  ])('are refused what a page of another origin makes them send: %j', async (headers) => {
    const response = await post(headers as Record<string, string>)
    expect(response.status).toBe(403)
    expect(await response.json()).toMatchObject({ code: 'ORIGIN_REFUSED' })
  })

  it.each([
    [{}],
    [{ origin: 'http://localhost' }],
    [{ origin: 'http://localhost', host: 'LocalHost' }],
    [{ 'sec-fetch-site': 'same-origin' }],
    [{ 'sec-fetch-site': 'none' }],
  ])('and programs may send their own: %j', async (headers) =>
    expect((await post(headers as Record<string, string>)).status).toBe(201),
  )

  it('may look from everywhere', async () => {
    const headers = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }
    expect((await fakeServer().ask('/api/events/stats', { headers })).status).toBe(200)
  })

  it('are told to keep to TLS where a trusted proxy spoke it', async () => {
    const { app } = fakeServer({}, { trustedProxies: ['10.0.0.0/8'] })
    const hsts = async (remoteAddress: string) => {
      const request = new Request('http://localhost/', { headers: { 'x-forwarded-proto': 'https' } })
      const response = await app.fetch(request, { incoming: { socket: { remoteAddress } } } as never)
      return response.headers.get('strict-transport-security')
    }
    expect(await hsts('10.0.0.1')).toBe('max-age=31536000')
    expect(await hsts('198.51.100.1')).toBeNull()
  })

  it('get no hint of what runs here, and no policy that lets scripts of the page run', async () => {
    const { ask } = fakeServer()
    for (const path of ['/', '/api-docs', '/nowhere']) {
      const { headers } = await ask(path)
      expect([headers.get('x-powered-by'), headers.get('server')]).toEqual([null, null])
      expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; (?!.*unsafe)/)
      expect(headers.get('permissions-policy')).toContain('camera=()')
    }
  })
})

describe('the depth of JSON', () => {
  it('is that of the configuration', async () => {
    const { post } = fakeServer({}, { jsonDepth: 3 })
    const nested = (payload: string) => `{"streamName":"s","eventType":"t","payload":${payload}}`
    expect((await post(CUSTOM, nested('[[1]]'))).status).toBe(201)
    expect((await post(CUSTOM, nested('[[[1]]]'))).status).toBe(400)
  })
})
