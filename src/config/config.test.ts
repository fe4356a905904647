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
      http: { host: '127.0.0.1', port: 8000, requestTimeoutMs: 30_000 },
      limits: { bodyBytes: 2 ** 20, batchBodyBytes: 2 ** 23, batchEvents: 10_000 },
      roles: new Set(['api', 'worker', 'ingress', 'proxy', 'connector']),
      stream: 'event-stream',
      redis: undefined,
      database: undefined,
      connect: { attempts: 3, delaysMs: [5000, 15_000, 30_000], timeoutMs: 10_000 },
      log: { level: 'info', format: 'text' },
      shutdownGraceMs: 30_000,
      warnings: [],
    })
  })

  it('listen on all addresses outside development', () => {
    expect(load({ ENVIRONMENT: 'staging' }).http.host).toBeUndefined()
    expect(load({ ENVIRONMENT: 'staging', HOST: '10.0.0.1' }).http.host).toBe('10.0.0.1')
  })

  it('take the name of a test runner in NODE_ENV for development', () => {
    expect(load({ NODE_ENV: 'test' }).environment).toBe('development')
  })
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
        path: 'DB_PASSWORD',
        message: 'is set both as DB_PASSWORD and by DB_PASSWORD_FILE; wanted: one of them',
      },
      { path: 'LOG_LEVEL', message: 'holds "loud"; wanted: one of trace, debug, info, warn, error, fatal' },
      { path: 'LOG_FORMAT', message: 'holds "xml" (in .env); wanted: one of text, json' },
      {
        path: 'MAX_RETRY_ATTEMPTS',
        message: 'holds "0" (on the command line); wanted: a whole number from 1 to 1000',
      },
      {
        path: 'RETRY_DELAYS',
        message:
          'holds "1,two"; wanted: a whole number of milliseconds from 0 to 2147483647; several with commas between them',
      },
    ])
  })

  it('say in one message what is missing in production', () => {
    const missing = ['SERVICE_NAME', 'REDIS_URL', 'DATABASE_URL']
    expect(mistakesOf({ NODE_ENV: 'production' }).map(({ path }) => path)).toEqual(missing)
    expect(() => load({ NODE_ENV: 'production' })).toThrow(/has 3 mistakes: SERVICE_NAME: is not set; wanted/)
  })

  it('do not ask for a database where no role uses one', () => {
    const env = { ENVIRONMENT: 'production', SERVICE_NAME: 's', REDIS_HOST: 'r' }
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
