import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { RunningService } from './support/running-service.ts'
import { ServiceProcess } from './support/service-process.ts'
import { usePostgres } from './support/use-postgres.ts'
import { useRedis } from './support/use-redis.ts'
import { failureOf, until } from './support/until.ts'

const { server: redis, admin } = useRedis()
const postgres = usePostgres()
const env = (more: NodeJS.ProcessEnv = {}) => ({
  REDIS_URL: redis.url,
  DATABASE_URL: postgres.url,
  SERVICE_PORT: '0',
  TEST_EVENT_INTERVAL_MS: '0',
  ...more,
})

// However a test ends: what hangs must not hang the next one.
const open: { end(): unknown }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.end()
})

const begun = <T extends { end(): unknown }>(one: T): T => {
  open.push(one)
  return one
}
function launch(more?: NodeJS.ProcessEnv): ServiceProcess {
  const service = ServiceProcess.launch(env(more))
  begun({ end: () => service.end('SIGKILL') })
  return service
}

async function start(more?: NodeJS.ProcessEnv): Promise<ServiceProcess> {
  const service = launch(more)
  await service.untilReady()
  return service
}

const has = (service: ServiceProcess, text: string) => service.lines.some((line) => line.includes(text))

/** Something that takes connections and never says a word. */
async function silence(): Promise<{ url: string; end(): void }> {
  const sockets: Socket[] = []
  const server: Server = createServer((socket) => void sockets.push(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const end = () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return begun({ url: `redis://127.0.0.1:${port}`, end })
}

describe('a start', () => {
  it('gives up with exit code 1 when Redis never comes, after the attempts that it was given', async () => {
    const service = launch({
      REDIS_URL: 'redis://:geheim@127.0.0.1:1',
      RETRY_DELAYS: '50,150',
      MAX_RETRY_ATTEMPTS: '3',
    })
    const [code] = (await once(service.child, 'close')) as [number]
    expect(code).toBe(1)
    const said = service.lines.join('\n')
    expect(said).toMatch(/Connection attempt 1\/3(?:.|\n)*Connection attempt 3\/3(?:.|\n)*can't be reached/)
    expect(said).not.toContain('geheim')
    expect(has(service, 'Connection attempt 4')).toBe(false)
    // Delay n follows failure n, and none the last.
    const times = service.lines
      .filter((line) => line.includes('Connection attempt '))
      .map((line) => Date.parse(line.slice(0, 24)))
    const [, failure1, try2, failure2, try3] = times as [number, number, number, number, number]
    expect([try2 - failure1 >= 49, try3 - failure2 >= 149]).toEqual([true, true])
  })

  it('does not wait for one that takes connections and says nothing', async () => {
    const { url } = await silence()
    const service = launch({
      REDIS_URL: url,
      CONNECTION_TIMEOUT: '200',
      RETRY_DELAYS: '10',
      MAX_RETRY_ATTEMPTS: '2',
    })
    const [code] = (await once(service.child, 'close')) as [number]
    expect(code).toBe(1)
    expect(has(service, 'Connection attempt 2/2')).toBe(true)
  })

  it('can be asked for its health from the first moment, and is ready when Redis comes', async () => {
    await redis.kill('SIGSTOP')
    const starting = launch({ CONNECTION_TIMEOUT: '2000', RETRY_DELAYS: '100' })
    try {
      await starting.until(() => starting.hasUrl)
      expect(await (await fetch(`${starting.url}/health/live`)).text()).toBe('OK')
      const ready = await fetch(`${starting.url}/health/ready`)
      expect([ready.status, await ready.json()]).toEqual([
        503,
        { status: 'not_ready', reason: 'the service is starting' },
      ])
      const publish = await fetch(`${starting.url}/trigger-test-event`, { method: 'POST' })
      expect([publish.status, publish.headers.has('retry-after')]).toEqual([503, true])
    } finally {
      await redis.kill('SIGCONT')
    }
    await starting.untilReady()
    expect((await fetch(`${starting.url}/health/ready`)).status).toBe(200)
  })

  it('outlives that Redis is killed while connections are being made', async () => {
    const service = launch({ RETRY_DELAYS: '100', MAX_RETRY_ATTEMPTS: '9' })
    await service.until(() => has(service, 'Connection attempt 1/9'))
    await redis.kill('SIGKILL')
    await redis.restart()
    await service.untilReady()
    expect((await fetch(`${service.url}/health/ready`)).status).toBe(200)
  })

  it('outlives that Redis goes between its connection and its consumers', async () => {
    // PostgreSQL holds the start up until Redis is gone.
    await postgres.kill('SIGSTOP')
    const service = launch({ RETRY_DELAYS: '100', MAX_RETRY_ATTEMPTS: '9' })
    const connections = async () => String(await admin.send(['CLIENT', 'LIST']))
    try {
      await until('a connection', async () => (await connections()).includes('millrace-publishing'))
      await redis.kill('SIGKILL')
    } finally {
      await postgres.kill('SIGCONT')
    }
    await service.until(() => has(service, 'not moved yet') || has(service, 'waits for a server'))
    expect(service.child.exitCode).toBeNull()
    await redis.restart()
    await service.untilReady()
    expect((await fetch(`${service.url}/health/ready`)).status).toBe(200)
  })

  it('says what to do when another service has the port', async () => {
    const first = await start()
    const { port } = new URL(first.url)
    const second = launch({ SERVICE_PORT: port })
    const [code] = (await once(second.child, 'close')) as [number]
    expect(code).toBe(1)
    expect(second.lines.join('\n')).toContain(
      `port ${port} is taken by another program: end that one, or set SERVICE_PORT`,
    )
    expect(await (await fetch(`${first.url}/health/live`)).text()).toBe('OK')
  })

  it('opens nothing that its roles do not need', async () => {
    const roles = { ROLES: 'connector', DATABASE_URL: 'postgres://127.0.0.1:1/none' }
    const running = await RunningService.start({}, env(roles))
    begun({ end: () => running.stop() })
    const { body } = await running.get<{ status: string; checks: object }>('/health')
    expect([body.status, Object.keys(body.checks)]).toEqual(['healthy', ['redis']])
    expect(await running.readiness()).toBe('ready')
    const error = await failureOf(
      RunningService.start({}, env({ ...roles, ROLES: 'api', MAX_RETRY_ATTEMPTS: '1' })),
    )
    expect(error.code).toBe('DATABASE_UNAVAILABLE')
  })
})

describe('a stop', () => {
  it('comes with SIGTERM: reason and duration are logged, and the exit code is 0', async () => {
    const service = await start()
    expect(await service.end('SIGTERM')).toBe(0)
    expect(service.lines.at(-1)).toMatch(/Stopped \{"reason":"SIGTERM","durationMs":\d+\}/)
  })

  it('comes during a start as well', async () => {
    const service = launch({ REDIS_URL: 'redis://127.0.0.1:1', RETRY_DELAYS: '600000' })
    await service.until(() => has(service, 'Connection attempt 1 failed'))
    expect(await service.end('SIGTERM')).toBe(0)
    expect(service.lines.at(-1)).toMatch(/Stopped \{"reason":"SIGTERM"/)
  })

  it('takes a signal that arrives twice at once for one', async () => {
    const service = await start()
    service.child.kill('SIGINT')
    expect(await service.end('SIGINT')).toBe(0)
  })

  it('ends at once with a second signal, and by itself while Redis hangs', async () => {
    const [impatient, patient] = await Promise.all([start(), start({ SHUTDOWN_GRACE_PERIOD_MS: '1000' })])
    await redis.kill('SIGSTOP')
    try {
      impatient.child.kill('SIGINT')
      await impatient.until(() => has(impatient, 'Stopping'))
      const since = performance.now()
      await impatient.until(() => performance.now() - since > 400)
      expect(await impatient.end('SIGINT')).toBe(130)
      expect(await patient.end('SIGTERM')).toBe(0)
    } finally {
      await redis.kill('SIGCONT')
    }
  })
})

describe('a fault that nobody caught', () => {
  it.each([
    ['an error in a timer', `setTimeout(() => { throw new Error('lost at redis://a:canary@h') }, 300)`],
    [
      'a promise that was rejected',
      `setTimeout(() => Promise.reject(new Error('lost at redis://a:canary@h')), 300)`,
    ],
  ])(
    '%s ends the process with code 1, and with a line of the log that says where it was',
    async (_, code) => {
      const folder = await mkdtemp(join(tmpdir(), 'millrace-crash-'))
      const app = join(folder, 'app.mjs')
      await writeFile(app, `${code}\nexport default {}`)
      try {
        const service = launch({
          APP: app,
          LOG_FORMAT: 'json',
          REDIS_URL: 'redis://127.0.0.1:1',
          RETRY_DELAYS: '600000',
        })
        const [exitCode] = await once(service.child, 'close')
        expect(exitCode).toBe(1)
        expect(JSON.parse(service.lines.at(-1)!)).toMatchObject({
          level: 'fatal',
          message: 'A fault that nobody caught ends the service: lost at redis://a:****@h',
          stack: expect.stringContaining('app.mjs:1'),
        })
        expect(service.lines.join()).not.toContain('canary')
      } finally {
        await rm(folder, { recursive: true })
      }
    },
  )
})
