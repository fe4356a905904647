import { readdirSync, statSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { freePort } from '../../src/engines/ports.ts'
import { createTestDatabase } from '../../src/postgres/test-database.ts'
import { readInRoot, useImage, useImageProcesses } from '../support/dockerfile-lab.ts'
import { runInImage } from '../support/dockerfile-run.ts'
import { until } from '../support/until.ts'
import { usePostgres } from '../support/use-postgres.ts'
import { useRedisServer } from '../support/use-redis.ts'

const redis = useRedisServer()
const postgres = usePostgres()
const built = useImage('Dockerfile')
const start = useImageProcesses()
const servers: Server[] = []

const command = (): string[] => [...built.image.entrypoint, ...built.image.cmd]
const healthOf = (env: NodeJS.ProcessEnv, ...args: string[]) =>
  runInImage(built.image, [...built.image.healthcheck, ...args], env)

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

describe('the image', () => {
  test('holds the packages of production, what was built, and nothing else', () => {
    const app = join(built.image.root, 'app')
    const packages = packagesIn(join(app, 'node_modules'))
    const files = readdirSync(app, { recursive: true, encoding: 'utf8' })
    const own = files.filter((file) => !file.startsWith('node_modules'))
    const bytes = files.reduce((sum, file) => sum + statSync(join(app, file)).size, 0)
    console.log(`image: ${packages.length} packages, ${(bytes / 1e6).toFixed(1)} MB beside Node.js`)
    expect(packages.sort()).toEqual(lockedForProduction())
    expect(files.filter((file) => file.endsWith('.node'))).toEqual([]) // it runs on any machine
    expect(own.filter((file) => /\.test\.|(?<!\.d)\.ts$|\.env|\.git/.test(file))).toEqual([])
    expect(readdirSync(app).sort()).toEqual(['LICENSE', 'deploy', 'dist', 'node_modules', 'package.json'])
    expect(bytes).toBeLessThan(60e6)
  })

  test('serves as a user who can write nothing but /tmp, is healthy, and ends with 0', async () => {
    const { key, item } = await createKey()
    const port = String(await freePort())
    const env = {
      TMPDIR: built.temporary,
      SERVICE_NAME: 'image',
      SERVICE_PORT: port,
      REDIS_URL: redis.url,
      DATABASE_URL: await createTestDatabase(postgres.url),
      API_KEYS: item,
    }
    const before = changesOf(built.image.root)
    const service = start(built.image, command(), env)
    await service.untilSays('is ready')

    expect(await healthOf(env)).toEqual({
      code: 0,
      output: `healthy: http://127.0.0.1:${port}/health/live answered 200 OK`,
    })
    expect(await healthOf(env, '/health/ready')).toEqual({
      code: 0,
      output: expect.stringContaining('ready') as string,
    })
    expect(await healthOf(env, '/metrics/none')).toMatchObject({ code: 1 })
    const api = apiOf(`http://127.0.0.1:${port}`, key)
    await api('POST', '/trigger-test-event', {}, 201)
    await until('the event in the audit trail', async () =>
      JSON.stringify(await api('GET', '/api/events/processed?eventType=test.event')).includes(
        '"processed":true',
      ),
    )
    // From the file of observations, which belongs to a package for development.
    const weather = await api('POST', '/WeatherForecast/city', { city: 'New York', location: 'Downtown' })
    expect(weather).toMatchObject({ city: 'New York', condition: expect.any(String) as string })
    await api('GET', '/api-docs/swagger-ui.css')

    service.kill('SIGTERM')
    expect({ code: await service.ended, output: service.output }).toMatchObject({ code: 0 })
    expect(await healthOf(env)).toMatchObject({ code: 1 })
    expect(changesOf(built.image.root)).toEqual(before)
    expect(readdirSync(built.temporary)).toEqual([])
  })

  test('its user can not write anywhere in it', async () => {
    const attempt = `for (const path of process.argv.slice(1))
      try { require('fs').writeFileSync(path + '/new', ''); console.log('wrote to ' + path) } catch (error) { console.log(error.code) }`
    const folders = ['/app', '/app/dist', '/app/node_modules', '/data/backups', '/app/deploy/image']
    const { output } = await runInImage(built.image, ['/nodejs/bin/node', '-e', attempt, ...folders])
    expect(output.split('\n')).toEqual(folders.map(() => 'EACCES'))
  })

  test('without servers it says what is missing, and starts none of its own', async () => {
    const { code, output } = await runInImage(built.image, command(), { TMPDIR: built.temporary })
    expect(code).toBe(2)
    for (const name of ['REDIS_URL', 'DATABASE_URL', 'API_KEYS', 'SERVICE_NAME'])
      expect(output).toContain(name)
    expect(readdirSync(built.temporary)).toEqual([])
  })

  test('runs another app by APP', async () => {
    const { code, output } = await runInImage(built.image, command(), {
      APP: '/nowhere/app.js',
      SERVICE_NAME: 'image',
      REDIS_URL: redis.url,
      DATABASE_URL: postgres.url,
      JWT_ISSUER: 'https://auth.example.com',
      JWT_JWKS_URL: 'https://auth.example.com/keys',
    })
    expect(code).toBe(1)
    expect(output).toContain('the app module /nowhere/app.js can')
  })

  test('the health command fails where nothing listens', async () => {
    const SERVICE_PORT = String(await freePort())
    const { code, output } = await healthOf({ SERVICE_PORT })
    expect(code).toBe(1)
    expect(output).toContain(
      `unhealthy: http://127.0.0.1:${SERVICE_PORT}/health/live gave no answer: connect`,
    )
  })

  test('the health command fails where the answer is another one', async () => {
    const SERVICE_PORT = await portOf((_, response) => void response.writeHead(503).end('overloaded'))
    const { code, output } = await healthOf({ SERVICE_PORT })
    expect({ code, output }).toEqual({
      code: 1,
      output: `unhealthy: http://127.0.0.1:${SERVICE_PORT}/health/live answered 503 overloaded`,
    })
    const elsewhere = await portOf((_, response) => void response.writeHead(302, { location: '/ok' }).end())
    expect(await healthOf({ SERVICE_PORT: elsewhere })).toMatchObject({ code: 1 })
  })

  test('the health command fails where no answer comes, before the engine gives it up', async () => {
    const SERVICE_PORT = await portOf(() => {})
    const since = performance.now()
    const { code, output } = await healthOf({ SERVICE_PORT })
    expect({ code, output }).toMatchObject({ code: 1, output: expect.stringContaining('3000 ms') as string })
    expect(performance.now() - since).toBeGreaterThanOrEqual(2900)
    expect(built.image.healthcheckOptions['timeout']).toBe('5s')
  })

  test('the health command asks the address that the service listens on', async () => {
    const SERVICE_PORT = await portOf((_, response) => void response.end('OK'), '::1')
    expect(await healthOf({ SERVICE_PORT, HOST: '::1' })).toMatchObject({ code: 0 })
    expect(await healthOf({ SERVICE_PORT, HOST: '127.0.0.1' })).toMatchObject({ code: 1 })
    const PORT = await portOf((_, response) => void response.end('OK'))
    for (const HOST of ['', '0.0.0.0', '::'])
      expect(await healthOf({ SERVICE_PORT: '', PORT, HOST })).toMatchObject({ code: 0 })
  })
})

/** Made by the command line in the image. */
async function createKey(): Promise<{ key: string; item: string }> {
  const args = ['key', 'create', '--name', 'ci', '--scopes', 'publish+read', '--json']
  const { output } = await runInImage(built.image, [...built.image.entrypoint, ...args])
  return JSON.parse(output) as { key: string; item: string }
}

/** Names of packages in their folders. */
function lockedForProduction(): string[] {
  type Locked = { dev?: boolean; devOptional?: boolean }
  const { packages } = JSON.parse(readInRoot('package-lock.json')) as { packages: Record<string, Locked> }
  return Object.entries(packages)
    .filter(([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional)
    .map(([path]) => path.split('node_modules/').at(-1)!)
    .sort()
}

function packagesIn(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    if (name.startsWith('.')) return []
    if (name.startsWith('@')) return packagesIn(join(folder, name)).map((inner) => `${name}/${inner}`)
    const nested = join(folder, name, 'node_modules')
    return [name, ...(statSync(nested, { throwIfNoEntry: false }) ? packagesIn(nested) : [])]
  })
}

/** All that is in a folder, with its time and size. */
const changesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => {
    const { mtimeMs, size } = statSync(join(folder, file))
    return `${file} ${mtimeMs} ${size}`
  })

const apiOf =
  (url: string, key: string) =>
  async (method: string, path: string, body?: object, status = 200): Promise<unknown> => {
    const response = await fetch(url + path, {
      method,
      headers: { 'x-api-key': key, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    expect({ status: response.status, text }).toEqual({ status, text })
    return response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text
  }

async function portOf(listener: RequestListener, host = '127.0.0.1'): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => void server.listen(0, host, resolve))
  return String((server.address() as AddressInfo).port)
}
