import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { useRedisServer } from '../../../test/support/use-redis.ts'
import { defineApp } from '../../app/app.ts'
import { loadConfig } from '../../config/config.ts'
import { InvalidError } from '../../core/errors.ts'
import { keyItem, randomKey } from '../../security/api-key.ts'
import { publicKeySet, serviceTokens } from '../../security/service-tokens.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { serviceSecurity } from './access.ts'
import { MillraceService } from './service.ts'

const redis = useRedisServer()
const signingKey = generateKeyPairSync('ed25519').privateKey.export({
  type: 'pkcs8',
  format: 'pem',
}) as string
const key = randomKey()
const digest = 'd'.repeat(64)

function optionsWith(env: NodeJS.ProcessEnv) {
  const lines: string[] = []
  const config = loadConfig(env, { cwd: '/nowhere', version: '9.9.9' })
  const destination = { write: (line: string) => void lines.push(line) }
  const { environment } = config
  const logger = createLogger({ ...config.log, service: 'test', environment, destination })
  return { config, logger, lines }
}

const PRODUCTION = {
  ENVIRONMENT: 'production',
  SERVICE_NAME: 'billing',
  REDIS_URL: 'redis://h',
  ROLES: 'connector',
}

describe('without keys and tokens', () => {
  const linesOf = (env: NodeJS.ProcessEnv) => {
    const { lines, ...options } = optionsWith(env)
    expect(serviceSecurity(options).access.open).toBe(true)
    return lines
  }

  it.each([{}, { HOST: 'localhost' }, { HOST: '::1' }, { HOST: '127.8.9.1' }])(
    'a developer on a machine of their own hears nothing: %j',
    (env) => expect(linesOf(env)).toEqual([]),
  )

  it.each([
    { HOST: '0.0.0.0' },
    { HOST: '10.0.0.1' },
    { ENVIRONMENT: 'staging' },
    { ENVIRONMENT: 'staging', HOST: '127.0.0.1' },
  ])('elsewhere it runs, open, and says so: %j', (env) =>
    expect(linesOf(env).join()).toMatch(
      /WARN +\[security\] ANYBODY who reaches this service may do EVERYTHING/,
    ),
  )

  it('production is refused, beside all other mistakes', () => {
    const { SERVICE_NAME: _, ...env } = PRODUCTION
    expect(() => optionsWith(env)).toThrow(
      /2 mistakes: SERVICE_NAME: is not set.*; API_KEYS: is not set; wanted in production: keys of those/,
    )
    expect(() => optionsWith({ ...PRODUCTION, API_KEYS: ' ,# none' })).toThrow('API_KEYS')
    optionsWith({ ...PRODUCTION, JWT_ISSUER: 'orders' })
  })
})

describe('mistakes in keys and tokens', () => {
  const mistakesOf = (env: NodeJS.ProcessEnv): string[] => {
    try {
      serviceSecurity(optionsWith(env))
    } catch (error) {
      if (error instanceof InvalidError) return error.issues.map(({ path, message }) => `${path} ${message}`)
      throw error
    }
    return []
  }

  it('are listed together, and show no secret', () => {
    const env = {
      ...PRODUCTION,
      API_KEYS: `ci:read:${digest},ci:write:${'e'.repeat(63)}`,
      JWT_ISSUER: 'orders',
      JWT_JWKS_URL: 'http://auth.example.com/jwks.json',
      JWT_SIGNING_KEY: 'canary',
    }
    const mistakes = mistakesOf(env)
    expect(mistakes).toEqual([
      expect.stringContaining('API_KEYS item 2 (72 characters) has no proper scopes'),
      expect.stringContaining('API_KEYS item 2 (72 characters) has no proper digest'),
      'JWT_JWKS_URL is not encrypted; wanted in production: https',
      'JWT_SIGNING_KEY holds no private key; wanted: Ed25519 in PEM (PKCS #8)',
    ])
    expect(mistakes.join()).not.toMatch(/canary|ddd|eee/)
  })

  it.each([
    [{}, 'wanted: either JWT_JWKS_URL or JWT_JWKS_PATH'],
    [{ JWT_JWKS_URL: 'https://a/', JWT_JWKS_PATH: 'b' }, 'wanted: either JWT_JWKS_URL or JWT_JWKS_PATH'],
    [{ JWT_JWKS_PATH: '/nowhere/jwks.json' }, 'ENOENT'],
  ])('tokens need keys from one place: %j', (env, message) => {
    expect(mistakesOf({ JWT_ISSUER: 'orders', ...env }).join()).toContain(message)
  })
})

describe('a service with keys', () => {
  let running: (ReturnType<typeof optionsWith> & { service: MillraceService }) | undefined
  afterEach(async () => {
    await running?.service.stop(5_000)
    running = undefined
  })

  async function start(env: NodeJS.ProcessEnv) {
    const options = optionsWith({
      SERVICE_NAME: 'billing',
      ROLES: 'connector',
      REDIS_URL: redis.url,
      SERVICE_PORT: '0',
      LOG_LEVEL: 'debug',
      API_KEYS: keyItem(key, 'ci', 'publish'),
      ...env,
    })
    const service = new MillraceService({ ...options, app: defineApp({}), engineFolder: '/nowhere', env: {} })
    running = { ...options, service }
    await service.start()
    return running
  }

  const publish = (url: string, headers: Record<string, string>) =>
    fetch(`${url}/api/events/custom`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ streamName: `access:${randomUUID()}`, eventType: 't', payload: 1 }),
    })

  it('lets in keys and tokens, changes both while it runs, and never shows one', async () => {
    const path = join(redis.dir, 'jwks.json')
    writeFileSync(path, JSON.stringify(await publicKeySet(signingKey)))
    const { service, lines } = await start({
      JWT_ISSUER: 'orders',
      JWT_JWKS_PATH: path,
      JWT_SIGNING_KEY: signingKey,
    })
    const token = await serviceTokens({
      signingKey,
      issuer: 'orders',
      audience: 'billing',
      scopes: ['publish'],
    })()
    const forged = `${token.slice(0, -4)}AAAA`
    const answers = [
      await publish(service.url, { 'x-api-key': key }),
      await publish(service.url, { authorization: `Bearer ${token}` }),
      await publish(service.url, { authorization: `Bearer ${forged}` }),
      await publish(service.url, {}),
    ]
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 401, 401])
    const next = randomKey()
    service.security.access.replace([keyItem(next, 'ci', 'publish')])
    answers.push(
      await publish(service.url, { 'x-api-key': key }),
      await publish(service.url, { 'x-api-key': next }),
    )
    expect(answers.slice(4).map(({ status }) => status)).toEqual([401, 201])
    const jwks = await fetch(`${service.url}/.well-known/jwks.json`)
    answers.push(jwks)
    const bodies = await Promise.all(answers.map((answer) => answer.text()))
    expect(JSON.parse(bodies.at(-1)!)).toEqual(await publicKeySet(signingKey))
    const shown = [...lines, ...bodies, ...answers.map(({ headers }) => JSON.stringify([...headers]))].join()
    expect(shown).toContain('"caller":"ci"')
    for (const secret of [key.slice(12), next.slice(12), token.split('.')[2]!.slice(0, -4)])
      expect(shown).not.toContain(secret)
  })

  it('answers 429 to whoever guesses keys, and goes on serving those who have one', async () => {
    const { service } = await start({ RATE_LIMIT_MAX: '100', RATE_LIMIT_WINDOW_MS: '60000' })
    const statuses = new Map<number, number>()
    for (let round = 0; round < 20; round++) {
      const guesses = Array.from({ length: 50 }, () =>
        publish(service.url, { authorization: `Bearer ${randomKey()}`, 'x-forwarded-for': `1.2.3.${round}` }),
      )
      for (const answer of await Promise.all(guesses)) {
        await answer.arrayBuffer()
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
      }
    }
    // Each counts double; where Redis did not answer at once, this instance counted anew by itself.
    expect(statuses.get(401)).toBeLessThanOrEqual(100)
    expect(statuses.get(429)).toBeGreaterThanOrEqual(900)
    expect([...statuses.keys()].toSorted()).toEqual([401, 429])
    const mine = await publish(service.url, { 'x-api-key': key })
    expect([mine.status, mine.headers.get('ratelimit-policy')]).toEqual([201, '"default";q=100;w=60'])
    expect((await fetch(`${service.url}/health/live`)).status).toBe(200)
  })

  it('goes on answering while Redis is frozen', async () => {
    const { service } = await start({ RATE_LIMIT_MAX: '20', RATE_LIMIT_WINDOW_MS: '61000' })
    const ask = async () => {
      const answer = await fetch(`${service.url}/openapi.json`)
      await answer.arrayBuffer()
      return answer.status
    }
    expect(await ask()).toBe(200)
    await redis.kill('SIGSTOP')
    try {
      const start = performance.now()
      const statuses = []
      for (let turn = 0; turn < 40; turn++) statuses.push(await ask())
      expect(performance.now() - start).toBeLessThan(5_000)
      expect(statuses.filter((status) => status === 200)).toHaveLength(20)
      expect(statuses.filter((status) => status === 429)).toHaveLength(20)
    } finally {
      await redis.kill('SIGCONT')
    }
  })

  it('follows a limit that changes while it runs', async () => {
    const { service } = await start({})
    const headers = async () => (await fetch(service.url)).headers.get('ratelimit-policy')
    expect(await headers()).toBeNull()
    service.security.rates.configure({ max: 5, windowMs: 2_000 })
    expect(await headers()).toBe('"default";q=5;w=2')
  })

  it('believes a trusted proxy where a request came from, and nobody else', async () => {
    const { service } = await start({
      TRUSTED_PROXIES: '127.0.0.0/8',
      RATE_LIMIT_MAX: '1',
      RATE_LIMIT_WINDOW_MS: '60000',
    })
    const from = async (forwarded: string) =>
      (await fetch(service.url, { headers: { 'x-forwarded-for': forwarded } })).status
    expect(await from('198.51.100.1')).toBe(200)
    expect(await from('9.9.9.9, 198.51.100.1')).toBe(429)
    expect(await from('198.51.100.2')).toBe(200)
  })
})
