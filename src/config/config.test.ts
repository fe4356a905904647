import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { InvalidError, type Issue } from '../core/errors.ts'
import { loadConfig } from './config.ts'

type Env = Record<string, string>

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'millrace-config-'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

const load = (env: Env = {}, flags: Env = {}) => loadConfig(env, { cwd, version: '1.2.3', flags })

function mistakesOf(env: Env, flags: Env = {}): readonly Issue[] {
  try {
    load(env, flags)
  } catch (error) {
    if (error instanceof InvalidError && error.code === 'CONFIGURATION_INVALID') return error.issues
    throw error
  }
  throw new Error('the configuration was accepted')
}

const mistakeOf = (name: string, text: string): string | undefined => {
  const [issue, ...more] = mistakesOf({ [name]: text })
  expect(more).toEqual([])
  expect(issue?.path).toBe(name)
  return issue?.message
}

describe('defaults', () => {
  it('are those of the product', () => {
    expect(load()).toEqual({
      environment: 'development',
      service: { name: 'millrace', version: '1.2.3' },
      http: { host: '127.0.0.1', port: 8000, orAnyPort: false, requestTimeoutMs: 30_000 },
      limits: {
        bodyBytes: 2 ** 20,
        batchBodyBytes: 2 ** 23,
        batchEvents: 10_000,
        jsonDepth: 64,
        undeclaredStreams: 500,
      },
      overload: { eventLoopDelayMs: 1000, memoryBytes: 2 ** 30 },
      rateLimit: undefined,
      rateLimitWindowMs: 10_000,
      security: {
        apiKeys: [],
        tokens: undefined,
        signingKey: undefined,
        encryptionKeys: [],
        trustedProxies: [],
      },
      roles: new Set(['api', 'worker', 'ingress', 'proxy', 'connector']),
      app: undefined,
      connector: { output: undefined, pipelines: undefined },
      backupDirectory: 'backups',
      stream: 'event-stream',
      redis: undefined,
      redisTls: {},
      circuit: { failures: 5, openMs: 30_000 },
      durability: undefined,
      database: undefined,
      databaseTls: undefined,
      connect: { attempts: 3, delaysMs: [5000, 15_000, 30_000], timeoutMs: 10_000 },
      consumers: {
        name: undefined,
        concurrency: 10,
        batchSize: 100,
        pollMs: 5000,
        maxFaultDelayMs: 5000,
        claimIntervalMs: 30_000,
        minIdleMs: 60_000,
        attempts: 5,
        retryDelayMs: 1000,
        handlerTimeoutMs: 300_000,
      },
      timezone: 'UTC',
      testEventIntervalMs: 10_000,
      log: { level: 'info', format: 'text', redactFields: [] },
      metrics: { enabled: true, port: undefined },
      trace: false,
      shutdownGraceMs: 30_000,
      warnings: [],
    })
  })

  it('listen on all addresses outside development', () => {
    expect(load({ ENVIRONMENT: 'staging' }).http.host).toBeUndefined()
    expect(load({ ENVIRONMENT: 'staging', HOST: '10.0.0.1' }).http.host).toBe('10.0.0.1')
  })

  it('limit clients and publish no test events outside development', () => {
    const staging = load({ ENVIRONMENT: 'staging' })
    expect(staging.rateLimit).toEqual({ max: 100, windowMs: 10_000 })
    expect(staging.testEventIntervalMs).toBe(0)
    const own = { RATE_LIMIT_MAX: '7', RATE_LIMIT_WINDOW_MS: '1000', TEST_EVENT_INTERVAL_MS: '50' }
    expect(load(own)).toMatchObject({ rateLimit: { max: 7, windowMs: 1000 }, testEventIntervalMs: 50 })
    expect(load({ ENVIRONMENT: 'staging', RATE_LIMIT_MAX: '0' }).rateLimit).toBeUndefined()
  })

  it('of the role connector alone are a short stop, and another port where that is taken', () => {
    const of = (env: Env) => {
      const { shutdownGraceMs, http } = load(env)
      return [shutdownGraceMs, http.orAnyPort]
    }
    expect(of({ ROLES: 'connector' })).toEqual([2_000, true])
    expect(of({ ROLES: 'connector,api' })).toEqual([30_000, false])
    const explicit = { SHUTDOWN_GRACE_PERIOD_MS: '7', PORT: '8000' }
    expect(of({ ROLES: 'connector', ...explicit })).toEqual([7, false])
  })

  it('take the name of a test runner in NODE_ENV for development', () => {
    expect(load({ NODE_ENV: 'test' }).environment).toBe('development')
  })
})

describe('the output of a connector', () => {
  it('is declared by OUTPUT_ADAPTER_TYPE', () => {
    const { output } = load({ OUTPUT_ADAPTER_TYPE: 'local_file' }).connector
    expect(output).toEqual({
      stream: 'telemetry:events',
      group: 'eventhub-connector-group',
      to: { type: 'file', directory: './output', format: 'json' },
    })
    const hub = load({ OUTPUT_ADAPTER_TYPE: 'EVENT_HUBS', EVENT_HUB_CONNECTION_STRING: 'Endpoint=x' })
    expect(hub.connector.output?.to).toEqual({ type: 'event-hubs', connectionString: 'Endpoint=x' })
  })

  it.each<[Env, string[]]>([
    [{ STREAM_KEY: 'a' }, ['STREAM_KEY is set and not used, since OUTPUT_ADAPTER_TYPE is not']],
    [
      { OUTPUT_ADAPTER_TYPE: 'LOCAL_FILE', EVENT_HUB_NAME: 'a', STREAM_KEY: 'a' },
      ['EVENT_HUB_NAME is set and not used, since OUTPUT_ADAPTER_TYPE is LOCAL_FILE'],
    ],
    [
      { OUTPUT_ADAPTER_TYPE: 'LOCAL_FILE', ROLES: 'api' },
      ['OUTPUT_ADAPTER_TYPE is set and not used, since ROLES has no connector'],
    ],
    [{ OUTPUT_ADAPTER_TYPE: 'LOCAL_FILE', OUTPUT_DIRECTORY: 'a', OUTPUT_FORMAT: 'jsonl' }, []],
  ])('%j: what is not used is told', (env, warnings) => expect(load(env).warnings).toEqual(warnings))
})

describe('where variables come from', () => {
  const dotEnv = (text: string) => writeFileSync(join(cwd, '.env'), text)

  it('a flag wins over the environment, the environment over .env, .env over the default', () => {
    dotEnv('SERVICE_PORT=1\nSTREAM="from file" # a comment\nLOG_LEVEL=warn\n')
    const config = load({ SERVICE_PORT: '2', LOG_LEVEL: 'error' }, { SERVICE_PORT: '3' })
    expect(config.http.port).toBe(3)
    expect(config.log.level).toBe('error')
    expect(config.stream).toBe('from file')
    expect(config.service.name).toBe('millrace')
  })

  it('an alias in the environment wins over the name in .env, the name over the alias beside it', () => {
    dotEnv('SERVICE_PORT=1')
    expect(load({ PORT: '2' }).http.port).toBe(2)
    expect(load({ PORT: '2', SERVICE_PORT: '3' }).http.port).toBe(3)
    expect(load({ PORT: '2', SERVICE_PORT: '' }).http.port).toBe(2)
  })

  it('set to nothing in the environment hides the line in .env', () => {
    dotEnv('REDIS_URL=redis://elsewhere')
    expect(load().redis).toEqual({ url: 'redis://elsewhere' })
    expect(load({ REDIS_URL: '' }).redis).toBeUndefined()
  })

  it('a host in the environment wins over a URL in .env', () => {
    dotEnv('REDIS_URL=redis://elsewhere\nDATABASE_URL=postgres://elsewhere/db')
    const config = load({ REDIS_HOST: 'here', DB_HOST: 'there' })
    expect(config.redis).toEqual({ url: 'redis://here:6379' })
    expect(config.database).toEqual({ url: 'postgres://postgres@there:5432/redis_streams_db' })
  })

  it('reads secrets from files, without the end of the line', () => {
    writeFileSync(join(cwd, 'pw'), 'p@ss word%41\n')
    const config = load({
      REDIS_HOST: 'r',
      REDIS_PW_FILE: 'pw',
      DB_HOST: 'd',
      DB_PASSWORD_FILE: join(cwd, 'pw'),
    })
    const redis = config.redis as { url: string }
    expect(decodeURIComponent(new URL(redis.url).password)).toBe('p@ss word%41')
    expect(decodeURIComponent(new URL(config.database!.url).password)).toBe('p@ss word%41')
  })

  it('ignores variables that it does not know', () => {
    expect(load({ PATH: '/bin', REDIS_HOSTS: 'x' })).toEqual(load())
  })

  it('says so when .env is there and cannot be read', () => {
    rmSync(join(cwd, '.env'), { force: true })
    const notAFolder = join(cwd, 'file')
    writeFileSync(notAFolder, '')
    expect(() => loadConfig({}, { cwd: notAFolder, version: '1' })).toThrow(/\.env: can't be read/)
  })
})

describe('servers', () => {
  it('fills in what REDIS_URL leaves out', () => {
    const beside = { REDIS_USER: 'ann', REDIS_PASSWORD: 'a:b/c', REDIS_TLS_ENABLED: 'TRUE' }
    expect(load({ REDIS_URL: 'redis://h:7000/2', ...beside }).redis).toEqual({
      url: 'rediss://ann:a%3Ab%2Fc@h:7000/2',
    })
    expect(load({ REDIS_URL: 'redis://bob:own@h', ...beside }).redis).toEqual({ url: 'rediss://bob:own@h' })
  })

  it('makes a URL of hosts, IPv6 addresses and socket folders', () => {
    expect(load({ REDIS_HOST: '::1', REDIS_PORT: '7000' }).redis).toEqual({ url: 'redis://[::1]:7000' })
    expect(load({ DB_HOST: '/run/pg', DB_USER: 'a b', DB_NAME: 'x?y' }).database).toEqual({
      url: 'postgres://a%20b@%2Frun%2Fpg:5432/x%3Fy',
    })
  })

  it('finds a master by its Sentinels', () => {
    const nodes = { REDIS_SENTINEL_NODES: 'a:26379, [::1]:26380' }
    expect(load(nodes).redis).toEqual({
      sentinel: { name: 'mymaster', nodes: ['a:26379', '[::1]:26380'] },
      tls: false,
    })
    const users = { REDIS_SENTINEL_USER: 'watch', REDIS_SENTINEL_PW: 's p', REDIS_SENTINEL_NAME: 'orders' }
    const server = { REDIS_USER: 'ann', REDIS_PW: 'pw', REDIS_TLS_ENABLED: 'yes' }
    expect(load({ ...nodes, ...users, ...server })).toMatchObject({
      redis: {
        sentinel: { name: 'orders', nodes: ['a:26379', '[::1]:26380'], username: 'watch', password: 's p' },
        username: 'ann',
        password: 'pw',
        tls: true,
      },
      warnings: [],
    })
  })

  it('reads the password of the Sentinels from a file', () => {
    writeFileSync(join(cwd, 'pw'), 'geheim\r\n')
    const { redis } = load({ REDIS_SENTINEL_NODES: 'a:1', REDIS_SENTINEL_PW_FILE: 'pw' })
    expect(redis).toMatchObject({ sentinel: { password: 'geheim' } })
  })

  it('finds a cluster by some of its nodes', () => {
    const { redis } = load({ REDIS_CLUSTER_NODES: 'a:7000,b:7001', REDIS_PW: 'pw' })
    expect(redis).toEqual({ cluster: { nodes: ['a:7000', 'b:7001'] }, tls: false, password: 'pw' })
  })

  it('takes one Redis: the strongest source decides, and two of equal strength are a mistake', () => {
    writeFileSync(join(cwd, '.env'), 'REDIS_CLUSTER_NODES=a:7000')
    expect(load({ REDIS_URL: 'redis://h' }).redis).toEqual({ url: 'redis://h' })
    expect(mistakesOf({ REDIS_URL: 'redis://h', REDIS_SENTINEL_NODES: 'a:1' })).toEqual([
      { path: 'REDIS_SENTINEL_NODES', message: 'is set beside REDIS_URL; wanted: one of them' },
    ])
  })

  it('waits for replicas where there must be any', () => {
    expect(load({ PUBLISH_REPLICAS_TIMEOUT_MS: '5' }).durability).toBeUndefined()
    expect(load({ PUBLISH_REPLICAS: '2' }).durability).toEqual({ replicas: 2, timeoutMs: 1000 })
    const env = { PUBLISH_REPLICAS: '1', PUBLISH_REPLICAS_TIMEOUT_MS: '250' }
    expect(load(env).durability).toEqual({ replicas: 1, timeoutMs: 250 })
  })

  it('speaks TLS with the files that are named', () => {
    const env = { REDIS_TLS_CA: 'ca.pem', DB_TLS_CERT: 'cert.pem', DB_TLS_KEY: 'key.pem' }
    expect(load(env)).toMatchObject({ redisTls: { ca: 'ca.pem' }, databaseTls: undefined })
    expect(load({ ...env, DB_TLS_ENABLED: 'on' }).databaseTls).toEqual({ cert: 'cert.pem', key: 'key.pem' })
  })

  it('takes the port from what Kubernetes puts into REDIS_PORT', () => {
    const env = { REDIS_HOST: 'redis', REDIS_PORT: 'tcp://10.96.0.1:6380' }
    expect(load(env).redis).toEqual({ url: 'redis://redis:6380' })
  })

  it('warns of details of a server that nobody named', () => {
    expect(load({ REDIS_PW: 'x', DB_NAME: 'y' }).warnings).toEqual([
      'REDIS_PW is set and not used, since neither REDIS_URL nor REDIS_HOST is',
      'DB_NAME is set and not used, since neither DATABASE_URL nor DB_HOST is',
    ])
  })
})

describe('what the other variables become', () => {
  it('who may come in', () => {
    const env = {
      API_KEYS: '# ours\nada:admin:aa\n\nbot:read,publish:bb',
      JWT_ISSUER: 'https://issuer',
      JWT_JWKS_PATH: 'keys.json',
      JWT_SIGNING_KEY: '-----BEGIN\nx\n-----END\n',
      ENCRYPTION_KEYS: 'k1:AA==',
      TRUSTED_PROXIES: '10.0.0.0/8,::1',
    }
    expect(load(env).security).toEqual({
      apiKeys: ['ada:admin:aa', 'bot:read', 'publish:bb'],
      tokens: { issuer: 'https://issuer', audience: 'millrace', jwksPath: 'keys.json' },
      signingKey: '-----BEGIN\nx\n-----END',
      encryptionKeys: ['k1:AA=='],
      trustedProxies: ['10.0.0.0/8', '::1'],
    })
    expect(load({ JWT_ISSUER: 'i', JWT_AUDIENCE: 'me' }).security.tokens?.audience).toBe('me')
  })

  it('how consumers read, claim and try again', () => {
    const env = {
      CONSUMER_NAME: 'c1',
      CONCURRENCY: '50',
      BATCH_SIZE: '7',
      POLL_TIMEOUT_MS: '100',
      RETRY_DELAY_MS: '200',
      PENDING_MESSAGE_CLAIM_INTERVAL_MS: '300',
      PENDING_MESSAGE_MIN_IDLE_MS: '400',
      HANDLER_ATTEMPTS: '3',
      HANDLER_RETRY_DELAY_MS: '0',
      HANDLER_TIMEOUT_MS: '500',
    }
    expect(load(env).consumers).toEqual({
      name: 'c1',
      concurrency: 50,
      batchSize: 7,
      pollMs: 100,
      maxFaultDelayMs: 200,
      claimIntervalMs: 300,
      minIdleMs: 400,
      attempts: 3,
      retryDelayMs: 0,
      handlerTimeoutMs: 500,
    })
  })

  it('what is observed, and when there is too much', () => {
    const env = {
      LOG_REDACT_FIELDS: 'email,iban',
      METRICS_ENABLED: 'no',
      METRICS_PORT: '9000',
      TRACE_ENABLED: '1',
      MAX_JSON_DEPTH: '5',
      MAX_EVENT_LOOP_DELAY_MS: '0',
      MAX_MEMORY_BYTES: '123',
      CIRCUIT_BREAKER_FAILURES: '2',
      CIRCUIT_BREAKER_OPEN_MS: '50',
      TIMEZONE: 'Europe/Berlin',
      MILLRACE_APP: './app.js',
    }
    expect(load(env)).toMatchObject({
      log: { redactFields: ['email', 'iban'] },
      metrics: { enabled: false, port: 9000 },
      trace: true,
      limits: { jsonDepth: 5 },
      overload: { eventLoopDelayMs: 0, memoryBytes: 123 },
      circuit: { failures: 2, openMs: 50 },
      timezone: 'Europe/Berlin',
      app: './app.js',
    })
  })
})

describe('mistakes', () => {
  it('are listed all at once, with variable, what it holds and what is wanted', () => {
    writeFileSync(join(cwd, '.env'), 'LOG_FORMAT=xml')
    const env = {
      PORT: '80x',
      LOG_LEVEL: 'loud',
      REDIS_URL: 'http://ann:hunter2@host:1/0?password=hunter3',
      REDIS_PW_FILE: 'nowhere',
      DB_PASSWORD: 'hunter4',
      DB_PASSWORD_FILE: 'pw',
      ROLES: 'api,cook',
      RETRY_DELAYS: '1,two',
    }
    expect(mistakesOf(env, { MAX_RETRY_ATTEMPTS: '0' })).toEqual([
      {
        path: 'SERVICE_PORT',
        message: 'holds "80x" (set as PORT); wanted: a port from 1 to 65535, or 0 for any that is free',
      },
      {
        path: 'ROLES',
        message:
          'holds "api,cook"; wanted: one of api, worker, ingress, proxy, connector; several with commas between them',
      },
      {
        path: 'REDIS_URL',
        message: 'holds "http://****@host:1/0"; wanted: a URL such as redis://localhost:6379',
      },
      {
        path: 'REDIS_PW_FILE',
        message: 'holds "nowhere", which can\'t be read (ENOENT); wanted: the path of a file',
      },
      {
        path: 'MAX_RETRY_ATTEMPTS',
        message: 'holds "0" (on the command line); wanted: a whole number from 1 to 1000',
      },
      {
        path: 'RETRY_DELAYS',
        message:
          'holds "1,two"; wanted: a whole number of milliseconds from 0 to 2147483647; several with commas between them',
      },
      {
        path: 'DB_PASSWORD',
        message: 'is set both as DB_PASSWORD and by DB_PASSWORD_FILE; wanted: one of them',
      },
      { path: 'LOG_LEVEL', message: 'holds "loud"; wanted: one of trace, debug, info, warn, error, fatal' },
      { path: 'LOG_FORMAT', message: 'holds "xml" (in .env); wanted: one of text, json' },
    ])
  })

  it('say in one message what is missing in production', () => {
    const missing = ['SERVICE_NAME', 'REDIS_URL', 'DATABASE_URL', 'API_KEYS']
    expect(mistakesOf({ NODE_ENV: 'production' }).map(({ path }) => path)).toEqual(missing)
    expect(() => load({ NODE_ENV: 'production' })).toThrow(/has 4 mistakes: SERVICE_NAME: is not set; wanted/)
  })

  it('ask for keys in production where somebody may use the API, or for tokens', () => {
    const env = { ENVIRONMENT: 'production', SERVICE_NAME: 's', REDIS_HOST: 'r', ROLES: 'proxy' }
    expect(mistakesOf(env).map(({ path }) => path)).toEqual(['API_KEYS'])
    expect(load({ ...env, API_KEYS: 'a:read:b' }).security.apiKeys).toEqual(['a:read:b'])
    expect(load({ ...env, JWT_ISSUER: 'i' }).security.tokens).toMatchObject({ issuer: 'i' })
    const command = loadConfig(env, { cwd, version: '1.2.3', serves: false })
    expect(command.security.apiKeys).toEqual([])
  })

  it('do not ask for a database where no role uses one', () => {
    const env = { ENVIRONMENT: 'production', SERVICE_NAME: 's', REDIS_HOST: 'r', API_KEYS: 'a:read:b' }
    expect(load({ ...env, ROLES: 'proxy, Ingress' }).roles).toEqual(new Set(['proxy', 'ingress']))
    expect(mistakesOf({ ...env, ROLES: 'proxy,api' })).toHaveLength(1)
  })

  it.each([
    ['SERVICE_PORT', '65536'],
    ['SERVICE_PORT', '-1'],
    ['SERVICE_PORT', '8e3'],
    ['REDIS_PORT', '0'],
    ['REDIS_PORT', 'tcp://redis'],
    ['REDIS_TLS_ENABLED', 'maybe'],
    ['REDIS_TLS_ENABLED', 'constructor'],
    ['ENVIRONMENT', 'prod'],
    ['ROLES', ','],
    ['CONNECTION_TIMEOUT', '0'],
    ['CONNECTION_TIMEOUT', '2147483648'],
    ['REQUEST_TIMEOUT_MS', '1.5'],
    ['MAX_BODY_BYTES', '12'],
    ['REDIS_URL', 'redis://'],
    ['REDIS_SENTINEL_NODES', 'host'],
    ['REDIS_CLUSTER_NODES', 'a:1,b:99999'],
    ['PUBLISH_REPLICAS', '101'],
    ['PUBLISH_REPLICAS_TIMEOUT_MS', '0'],
    ['TRUSTED_PROXIES', '10.0.0.0/33'],
    ['TIMEZONE', 'Europe/Atlantis'],
    ['RATE_LIMIT_WINDOW_MS', '999'],
    ['CONCURRENCY', '0'],
    ['METRICS_PORT', '70000'],
    ['JWT_JWKS_URL', 'ftp://h'],
    ['API_KEYS', ' , '],
    ['DATABASE_URL', 'mysql://h/db'],
  ])('refuse %s=%s', (name, text) => {
    expect(mistakeOf(name, text)).toMatch(/^holds .+; wanted: /)
  })

  it.each([
    ['localhost:6379', 'localhost:6379'],
    ['redis://ann:hunter2', 'redis://****'],
    ['ann:hunter2@host', '****@host'],
    ['http://ann:hun@ter?2@host?x=hunter2', 'http://****@host'],
    ['hunter2!', '****'],
  ])('mask REDIS_URL=%s', (text, shown) => {
    expect(mistakeOf('REDIS_URL', text)).toContain(`holds ${JSON.stringify(shown)};`)
  })
})
