import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import app from '../examples/app.ts'
import { observed } from '../examples/weather/observations.ts'
import { simulated } from '../examples/weather/simulation.ts'
import { rounded } from '../examples/weather/weather.ts'
import { defineApp, route } from '../src/app/app.ts'
import { startTestRedis } from '../src/engines/test-servers.ts'
import { responder } from '../src/rpc/declare-responder.ts'
import { echo } from './support/rpc-lab.ts'
import { RunningService } from './support/running-service.ts'
import { ServiceProcess, spawnMillrace } from './support/service-process.ts'
import { until } from './support/until.ts'
import { useRedis } from './support/use-redis.ts'
import { toObject } from './support/worker-lab.ts'

const { server: redis, admin } = useRedis()
/** Nothing listens there: whoever opened PostgreSQL would never get ready. */
const NO_DATABASE = 'postgres://nobody@127.0.0.1:1/none'
const PATH = '/WeatherForecast/city'

const services: { stop(): Promise<unknown> }[] = []
afterEach(async () => {
  await Promise.all(services.splice(0).map((service) => service.stop()))
  await admin.send(['FLUSHALL'])
})

async function start(ROLES: string, given = app, url = redis.url): Promise<RunningService> {
  const env = { REDIS_URL: url, DATABASE_URL: NO_DATABASE, ROLES }
  const service = await RunningService.start(given, env)
  services.push(service)
  return service
}

async function launch(ROLES: string, more: NodeJS.ProcessEnv = {}): Promise<ServiceProcess> {
  const env = { REDIS_URL: redis.url, DATABASE_URL: NO_DATABASE, ROLES, ...more }
  const service = ServiceProcess.launch(env, ['--app', 'examples/app.ts'])
  services.push({ stop: () => service.end('SIGKILL') })
  await service.untilReady()
  return service
}

describe('the weather', () => {
  it('is that of the day in the real observations, field by field', async () => {
    const service = await start('ingress,proxy')
    const { status, body } = await service.post<{ forecastTime: string }>(PATH, {
      city: 'New York',
      location: 'Downtown',
    })
    expect(status).toBe(200)
    const day = (await observed('New York', new Date(body.forecastTime)))!
    expect(body).toEqual({
      city: 'New York',
      location: 'Downtown',
      forecastTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      temperature: expect.closeTo(day.temperature, 0),
      condition: day.condition,
      humidity: expect.closeTo(day.humidity, -1),
      windSpeed: day.windSpeed,
      requestId: expect.stringMatching(/./),
      source: 'observed',
    })
    const health = await service.get<{ checks: object }>('/health')
    // Neither a consumer nor PostgreSQL.
    expect(Object.keys(health.body.checks)).toEqual(['redis', 'rpc'])
    const { body: metrics } = await text(service, '/metrics')
    expect(metrics).toContain('millrace_rpc_duration_seconds_count{stream="weather-requests"} 1')
    expect(metrics).toContain('\ningress_pending_requests 0')
    expect(metrics).toContain('\nproxy_active_terminals 0')
    expect(metrics).toContain('redis_stream_queue_depth{stream="weather-requests"')
    expect(metrics).toContain('\nredis_circuit_state 0')
  })

  it('was this on some days', async () => {
    expect(await observed('seattle', new Date('2031-01-02T23:59:59Z'))).toMatchObject({
      condition: expect.stringMatching(/^(drizzle|fog|rain|snow|sun)$/),
    })
    // The last line of the file: 2015-12-31,1.5,11.1,6.1,5.5,rain
    const lastDay = await observed('New York', new Date('2030-12-31T00:00:00Z'))
    expect(lastDay).toMatchObject({ temperature: 8.6, windSpeed: 5.5, condition: 'rain' })
    // By the tables, air of 8.6 °C with a dew point of 6.1 °C has 84 %.
    expect(lastDay!.humidity).toBeCloseTo(84.3, 0)
    expect(await observed('Seattle', new Date('2028-02-29T12:00:00Z'))).toBeDefined()
    expect(await observed('Paris', new Date())).toBeUndefined()
  })

  it('of other cities is made up, alike for all who ask', async () => {
    const service = await start('ingress,proxy')
    const { body } = await service.post<{ forecastTime: string }>(PATH, { city: 'Paris' })
    const made = rounded(simulated('Paris', new Date(body.forecastTime)))
    expect(body).toMatchObject({ city: 'Paris', location: '', source: 'simulated', ...made })
    const day = new Date('2026-07-01T10:00:00Z')
    expect(simulated('Paris', day)).toEqual(simulated('PARIS', new Date('2026-07-01T23:00:00Z')))
    expect(simulated('Paris', day)).not.toEqual(simulated('Rome', day))
  })

  it('comes on weather-responses to whoever writes requests by hand', async () => {
    await start('proxy')
    const data = JSON.stringify({ city: 'Seattle', location: 'Harbour' })
    await admin.send(['XADD', 'weather-requests', '*', 'requestId', 'by-hand-1', 'data', data])
    const fields = await until('the reply', async () => {
      const entries = await admin.send<[string, string[]][]>(['XRANGE', 'weather-responses', '-', '+'])
      return entries[0] && toObject(entries[0][1])
    })
    expect(Object.keys(fields)).toEqual(['requestId', 'data'])
    expect(fields).toMatchObject({ requestId: 'by-hand-1' })
    const reply = JSON.parse(fields['data']!) as Record<string, unknown>
    const named = { city: 'Seattle', location: 'Harbour', requestId: 'by-hand-1', source: 'observed' }
    expect(reply).toMatchObject(named)
    const rest = ['condition', 'forecastTime', 'humidity', 'temperature', 'windSpeed']
    expect(Object.keys(reply).sort()).toEqual([...Object.keys(named), ...rest].sort())
  })

  it('of five sample days needs no proxy', async () => {
    const { status, body } = await (await start('ingress')).get<{ date: string }[]>('/WeatherForecast')
    expect(status).toBe(200)
    expect(new Set(body.map(({ date }) => date)).size).toBe(5)
    for (const day of body)
      expect(Object.keys(day)).toEqual(['date', 'temperatureC', 'temperatureF', 'summary'])
  })
})

describe('a request for the weather', () => {
  it.each([
    ['no city', { location: 'Downtown' }, 'city'],
    ['an empty city', { city: ' ' }, 'city'],
    ['a city that is a number', { city: 7 }, 'city'],
    ['an endless city', { city: 'x'.repeat(101) }, 'city'],
    ['a location that is a list', { city: 'Paris', location: [] }, 'location'],
  ])('with %s is 400 and names the field', async (_what, body, path) => {
    const answer = await (await start('ingress')).post(PATH, body)
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path: expect.stringContaining(path) }] } })
    expect(await admin.send(['EXISTS', 'weather-requests'])).toBe(0)
  })

  it('is 504 where no proxy answers in the time that is configured, also where the service has less', async () => {
    const ingress = await launch('ingress', { WEATHER_TIMEOUT_MS: '200', REQUEST_TIMEOUT_MS: '100' })
    const proxy = await launch('proxy')
    await until('an answer', async () => (await ask(ingress, 'Seattle')).status === 200)
    expect(await proxy.end()).toBe(0)
    const answer = await ask(ingress, 'Seattle')
    expect(answer).toMatchObject({ status: 504, body: { code: 'RPC_TIMEOUT' } })
    await until('an empty stream', async () => (await admin.send(['XLEN', 'weather-requests'])) === 0)
  })

  it('ends the start where its time-out is no number, wherever that is set', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-weather-'))
    const app = fileURLToPath(new URL('../examples/app.ts', import.meta.url))
    const refused = async (env: NodeJS.ProcessEnv) => {
      const child = spawnMillrace(['serve', '--app', app], { REDIS_URL: redis.url, ...env }, folder)
      let output = ''
      child.stderr!.on('data', (bytes) => (output += String(bytes)))
      const [code] = (await once(child, 'close')) as [number]
      return { code, output }
    }
    try {
      const { code, output } = await refused({ WEATHER_TIMEOUT_MS: '30s' })
      expect(output).toContain('WEATHER_TIMEOUT_MS: holds "30s", which must be a whole number')
      expect(code).toBe(1)
      writeFileSync(join(folder, '.env'), 'WEATHER_TIMEOUT_MS=0')
      expect((await refused({})).output).toContain('holds "0", which must be at least 1')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('is 503 while the circuit is open, and where nobody asks', async () => {
    const own = await startTestRedis()
    const ingress = await start('ingress', app, own.url)
    await own.stop()
    await until('the circuit', async () => {
      const { body } = await ingress.post(PATH, { city: 'Seattle' })
      return body['code'] === 'CIRCUIT_OPEN'
    })
    expect(await ingress.post(PATH, { city: 'Seattle' })).toMatchObject({ status: 503 })
    const proxy = await start('proxy')
    const refused = await proxy.post(PATH, { city: 'Seattle' })
    expect(refused).toMatchObject({ status: 503, body: { code: 'RPC_UNAVAILABLE' } })
  })
})

const contract = echo('echo-requests')

/** An app that asks and answers by itself. */
const echoApp = (answer: (text: string) => Promise<string>) =>
  defineApp({
    rpc: [responder(contract, {}, async ({ text }) => ({ text: await answer(text) }))],
    routes: [
      route('POST /echo', { summary: 'Asks', answers: { 200: contract.reply } }, async (_, { request }) => ({
        status: 200,
        body: await request(contract, { text: 'hello' }),
      })),
    ],
  })

it('a service that stops waits for the replies that are on their way', async () => {
  let release: (() => void) | undefined
  const held = async (text: string) => {
    await new Promise<void>((resolve) => (release = resolve))
    return text
  }
  const service = await start('ingress,proxy', echoApp(held))
  const answer = service.post('/echo', {})
  const finish = await until('the handler', () => release)
  const stopped = service.stop()
  await until('the stop', async () => (await service.readiness().catch(() => 'gone')) !== 'ready')
  finish()
  expect(await answer).toMatchObject({ status: 200, body: { text: 'hello' } })
  await stopped
})

it('what a proxy fails with is 502, and its message stays in the log', async () => {
  const failing = () => Promise.reject(new Error('the secret of the proxy'))
  const service = await start('ingress,proxy', echoApp(failing))
  const { status, body } = await service.post('/echo', {})
  expect({ status, code: body['code'] }).toEqual({ status: 502, code: 'RPC_FAILED' })
  expect(JSON.stringify(body)).not.toContain('secret')
  expect(service.lines.join('')).toContain('the secret of the proxy')
})

describe('three ingresses and three proxies', () => {
  it('of which one each is killed under load: living callers get each their own reply', async () => {
    const start = (role: string) => Promise.all([launch(role), launch(role), launch(role)])
    const [ingresses, proxies] = [await start('ingress'), await start('proxy')]
    const callers = ingresses.map((ingress) => new Caller(ingress))
    const [doomed, ...living] = callers as [Caller, ...Caller[]]
    const loads = callers.map((caller) => caller.run())
    await until('load', () => callers.every(({ answers }) => answers.length > 50))

    // It goes on to be handed requests while it stands still, so it dies with some in its hands.
    const [victim] = proxies as [ServiceProcess, ...ServiceProcess[]]
    victim.child.kill('SIGSTOP')
    await until('requests in dead hands', async () => (await oldestPendingIdleMs()) > 500)
    await Promise.all([victim.end('SIGKILL'), doomed.ingress.end('SIGKILL')])
    const before = living.map(({ answers }) => answers.length)
    const goneOn = () => living.every(({ answers }, index) => answers.length > before[index]! + 200)
    await until('more answers', goneOn, 30_000)
    for (const caller of callers) caller.stop()
    await Promise.all(loads)

    for (const { answers, failures } of living) {
      expect(failures).toEqual([])
      for (const { asked, status, body } of answers)
        expect({ status, city: body['city'] }).toEqual({ status: 200, city: asked })
    }
    const ids = callers.flatMap(({ answers }) => answers.map(({ body }) => body['requestId']))
    expect(new Set(ids).size).toBe(ids.length)
    await until('an empty stream', async () => (await admin.send(['XLEN', 'weather-requests'])) === 0)
  }, 120_000)
})

interface Answered {
  asked: string
  status: number
  body: Record<string, unknown>
}

async function ask({ url }: { url: string }, asked: string): Promise<Answered> {
  const response = await fetch(url + PATH, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ city: asked }),
  })
  return { asked, status: response.status, body: (await response.json()) as Record<string, unknown> }
}

/** Asks one ingress all the time, a few at once, each for a city of its own. */
class Caller {
  static readonly #AT_ONCE = 8
  static #cities = 0
  readonly ingress: ServiceProcess
  readonly answers: Answered[] = []
  readonly failures: unknown[] = []
  #stopped = false

  constructor(ingress: ServiceProcess) {
    this.ingress = ingress
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: Caller.#AT_ONCE }, () => this.#askOn()))
  }

  stop(): void {
    this.#stopped = true
  }

  async #askOn(): Promise<void> {
    try {
      while (!this.#stopped) this.answers.push(await ask(this.ingress, `city ${Caller.#cities++}`))
    } catch (error) {
      this.failures.push(error)
    }
  }
}

async function oldestPendingIdleMs(): Promise<number> {
  const args = ['XPENDING', 'weather-requests', 'weather', '-', '+', '100']
  const pending = await admin.send<[string, string, number, number][]>(args)
  return Math.max(0, ...pending.map(([, , idleMs]) => idleMs))
}

async function text(service: RunningService, path: string): Promise<{ body: string }> {
  return { body: await (await fetch(service.service.url + path)).text() }
}
