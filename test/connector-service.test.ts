import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { App } from '../src/app/app.ts'
import { pipeline } from '../src/connectors/pipeline.ts'
import { ConfigurationError, SinkError } from '../src/core/connector-errors.ts'
import type { Sink, SinkEvent } from '../src/core/sink.ts'
import type { Source } from '../src/core/source.ts'
import { AdminClient } from './support/admin-client.ts'
import { RunningService } from './support/running-service.ts'
import { ServiceProcess } from './support/service-process.ts'
import { until } from './support/until.ts'
import { useLog, useRedis } from './support/use-redis.ts'

const { server, admin } = useRedis()
const log = useLog(server)

const open: { end(): unknown }[] = []
const folders: string[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.end()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

let number = 0
/** Services of one name share their settings; each test has its own name, stream and folder. */
function place() {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-connector-'))
  folders.push(folder)
  number++
  return { name: `connector-${number}`, stream: `telemetry:${number}`, folder }
}

/** PostgreSQL is nowhere: whoever opened it would not start. */
const base = (name: string): NodeJS.ProcessEnv => ({
  ROLES: 'connector',
  REDIS_URL: server.url,
  DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
  SERVICE_NAME: name,
})

async function start(name: string, app: Partial<App>, env: NodeJS.ProcessEnv = {}): Promise<RunningService> {
  const running = await RunningService.start(app, { ...base(name), ...env })
  open.push({ end: () => running.stop() })
  return running
}

function launch(env: NodeJS.ProcessEnv): ServiceProcess {
  const service = ServiceProcess.launch(env)
  open.push({ end: () => service.end('SIGKILL') })
  return service
}

async function publish(stream: string, from: number, count: number): Promise<void> {
  const entries = Array.from({ length: count }, (_, index) => ({
    fields: ['type', 'reading', 'data', String(from + index)],
  }))
  const results = await log.append(stream, entries)
  expect(results.every((result) => typeof result === 'string')).toBe(true)
}

/** What files hold: the data of their events. */
const written = (folder: string): unknown[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.json'))
    .map((file) => (JSON.parse(readFileSync(join(folder, file), 'utf8')) as { data: unknown }).data)

/** A sink in memory that does what a test says. */
class Kept implements Sink {
  readonly events: SinkEvent[] = []
  onConnect = async (): Promise<void> => {}
  onWrite = async (): Promise<void> => {}
  onClose = async (): Promise<void> => {}

  connect(): Promise<void> {
    return this.onConnect()
  }

  async write(events: readonly SinkEvent[]): Promise<void> {
    await this.onWrite()
    this.events.push(...events)
  }

  close(): Promise<void> {
    return this.onClose()
  }

  get data(): unknown[] {
    return this.events.map(({ event }) => event.data)
  }
}

const archive = (stream: string, to: Sink, more: object = {}): Partial<App> => ({
  pipelines: [pipeline('archive', { from: stream, to, retryDelayMs: 20, ...more })],
})

interface Health {
  status: string
  checks: Record<string, { status: string; pipelines: Record<string, string> }>
}
const sinksOf = async (running: RunningService) => {
  const { status, body } = await running.get<Health>('/health')
  return { http: status, status: body.status, ...body.checks['sinks'] }
}
const pipelineOf = async (running: RunningService) =>
  (await new AdminClient(running).get('/pipelines/archive')).body.pipeline

describe('processes of the role connector', () => {
  test('share the load; what one held that is killed comes through, and a stop ends in time', async () => {
    const { name, stream, folder } = place()
    // Nobody says a port.
    const env = {
      ...base(name),
      SERVICE_PORT: '',
      OUTPUT_ADAPTER_TYPE: 'LOCAL_FILE',
      OUTPUT_DIRECTORY: folder,
      STREAM_KEY: stream,
      BATCH_SIZE: '10',
    }
    const [one, two] = [launch(env), launch(env)]
    await Promise.all([one.untilReady(), two.untilReady()])
    expect(one.url).not.toBe(two.url)
    const taken = [one, two].filter(({ lines }) => lines.some((line) => /Port 8000 is taken/.test(line)))
    expect(taken.length).toBeGreaterThan(0)

    const writtenBy = async (service: ServiceProcess) =>
      (await service.get<{ pipelines: { written: number }[] }>('/api/admin/pipelines')).pipelines[0]!.written
    let count = 0
    const feed = async () => {
      await publish(stream, count, 100)
      count += 100
    }
    await until('both', async () => {
      await feed()
      return (await writtenBy(one)) > 0 && (await writtenBy(two)) > 0
    })
    for (let more = 0; more < 5; more++) await feed()
    // It holds some of these.
    await one.end('SIGKILL')
    await feed()
    const three = launch(env)
    await until('all of it', () => new Set(written(folder)).size === count, 30_000)
    // A file is named by its event, so none is there twice.
    expect(written(folder)).toHaveLength(count)

    await three.untilReady()
    const since = performance.now()
    expect(await Promise.all([two, three].map((service) => service.end('SIGTERM')))).toEqual([0, 0])
    expect(performance.now() - since).toBeLessThan(10_000)
  }, 60_000)

  test('do not start with a wrong configuration, and tell all that is wrong', async () => {
    const { name, folder } = place()
    const PIPELINES = join(folder, 'pipelines.json')
    const from = 'a'
    const wrong = [
      { name: 'one', from, to: { type: 'file' } },
      {
        name: 'two',
        from,
        to: { type: 'postgres', url: { env: 'NO_SUCH' }, table: 't', columns: { a: 'x' } },
      },
    ]
    writeFileSync(PIPELINES, JSON.stringify(wrong))
    const service = launch({ ...base(name), PIPELINES, ENCRYPTION_KEYS: 'none' })
    const code = await new Promise((resolve) => service.child.once('close', resolve))
    expect(code).toBe(2)
    const told = service.lines.join('\n')
    for (const path of [
      'pipelines.0.to.directory',
      'pipelines.1.to.url',
      'pipelines.1.to.columns.a',
      'ENCRYPTION_KEYS',
    ])
      expect(told).toContain(path)
    expect(told).toContain('NO_SUCH is not set')
  })
})

test('a pause over HTTP holds on all instances and after a restart, and is written down', async () => {
  const { name, stream } = place()
  await publish(stream, 0, 1)
  const to = new Kept()
  const [one, two] = [await start(name, archive(stream, to)), await start(name, archive(stream, new Kept()))]
  await until('it runs', async () => (await pipelineOf(one)).state === 'running')
  const client = new AdminClient(one)
  const paused = await client.post('/pipelines/archive/pause', { reason: 'a move' })
  expect(paused).toMatchObject({ status: 200, body: { success: true, paused: true } })
  expect((await client.post('/pipelines/archive/pause')).body.paused).toBe(false)
  await until('both', async () => (await pipelineOf(two)).state === 'paused')
  expect((await one.get<Health>('/health')).body.status).toBe('healthy')

  await one.stop()
  const third = new Kept()
  const three = await start(name, archive(stream, third))
  await publish(stream, 1, 5)
  await until('its sink', async () => (await pipelineOf(three)).state === 'paused')
  const metrics = await (await fetch(`${three.service.url}/metrics`)).text()
  expect(metrics).toContain('millrace_pipeline_paused{pipeline="archive"} 1')
  expect(metrics).toContain('millrace_sink_up{pipeline="archive"} 1')
  await two.stop()
  expect(third.events).toEqual([])

  const resumed = await new AdminClient(three).post('/pipelines/archive/resume', { reason: 'moved' })
  expect(resumed.body.resumed).toBe(true)
  await until('what came meanwhile', () => third.events.length === 5)
  expect((await pipelineOf(three)).state).toBe('running')
  const { records } = await log.operations.actions.actions(stream)
  expect(records.map(({ action, reason, detail }) => [action, reason, detail])).toEqual([
    ['resume-pipeline', 'moved', { pipeline: 'archive' }],
    ['pause-pipeline', '', { pipeline: 'archive' }],
    ['pause-pipeline', 'a move', { pipeline: 'archive' }],
  ])
  const { changes } = (await new AdminClient(three).get('/settings/history')).body
  expect(changes.map(({ reason }: { reason: string }) => reason)).toEqual(['moved', 'a move'])
})

test('a sink that is away makes the health degraded, and the service stays ready', async () => {
  const { name, stream } = place()
  await publish(stream, 0, 3)
  const to = new Kept()
  to.onConnect = async () => {
    throw new SinkError('SINK_UNAVAILABLE', 'amqp://ann:hunter2@host is away; SharedAccessKey=hunter3')
  }
  const running = await start(name, archive(stream, to))
  await until('it is noticed', async () => (await sinksOf(running)).status === 'degraded')
  expect(await sinksOf(running)).toEqual({
    http: 200,
    status: 'degraded',
    pipelines: { archive: 'retrying' },
  })
  expect(await running.readiness()).toBe('ready')
  const { lastError } = await pipelineOf(running)
  expect(lastError).toMatchObject({ error: 'SINK_UNAVAILABLE', time: expect.stringMatching(/^20.*Z$/) })
  expect(JSON.stringify(lastError) + running.lines.join()).not.toContain('hunter')
  const metrics = await (await fetch(`${running.service.url}/metrics`)).text()
  expect(metrics).toContain('millrace_sink_up{pipeline="archive"} 0')
  expect(metrics).toMatch(/millrace_sink_failures_total\{pipeline="archive",error="SINK_UNAVAILABLE"\} \d/)

  to.onConnect = async () => {}
  await until('what waited', () => to.events.length === 3)
  expect(await sinksOf(running)).toEqual({ http: 200, status: 'healthy', pipelines: { archive: 'running' } })
})

test('one that failed waits until it is restarted, here alone', async () => {
  const { name, stream } = place()
  await publish(stream, 0, 2)
  const to = new Kept()
  let connects = 0
  to.onConnect = async () => {
    if (++connects === 1) throw new ConfigurationError('there is no such event hub')
  }
  const running = await start(name, archive(stream, to))
  const client = new AdminClient(running)
  await until('it failed', async () => (await pipelineOf(running)).state === 'failed')
  expect(await sinksOf(running)).toMatchObject({ http: 200, status: 'degraded' })
  const restarts = await Promise.all(
    [1, 2].map(() => client.post('/pipelines/archive/restart', { reason: 'made' })),
  )
  expect(restarts.map(({ status }) => status)).toEqual([200, 200])
  await until('what waited', () => to.events.length === 2)
  const { records } = await log.operations.actions.actions(stream)
  expect(records[0]).toMatchObject({ action: 'restart-pipeline', group: 'archive', reason: 'made' })

  const unknown = await client.post('/pipelines/archiv/restart')
  expect(unknown).toMatchObject({ status: 404, body: { code: 'UNKNOWN_PIPELINE' } })
  expect(unknown.body.detail).toContain('did you mean "archive"?')
  expect((await client.get('/pipelines')).body.pipelines).toHaveLength(1)
})

test('a sink that hangs does not hold up a stop, and what it had comes again', async () => {
  const { name, stream } = place()
  await publish(stream, 0, 10)
  const to = new Kept()
  let writes = 0
  to.onWrite = async () => {
    writes++
    await new Promise(() => {})
  }
  to.onClose = () => new Promise(() => {})
  const running = await start(name, archive(stream, to))
  await until('a write', () => writes > 0)
  const since = performance.now()
  await running.service.stop(200)
  expect(performance.now() - since).toBeLessThan(5_000)

  const next = new Kept()
  await start(name, archive(stream, next))
  await until('all of it', () => next.events.length === 10)
})

test('a file declares pipelines; what is encrypted in the stream is not in the sink', async () => {
  const { name, stream, folder } = place()
  const PIPELINES = join(folder, 'pipelines.json')
  const output = join(folder, 'output')
  const declared = {
    name: 'filed',
    from: stream,
    middleware: [{ filter: { types: ['user.>'] } }, { redact: ['email'] }, { map: { type: 'user.known' } }],
    to: { type: 'file', directory: output },
  }
  writeFileSync(PIPELINES, JSON.stringify([declared]))
  const ENCRYPTION_KEYS = `k1:${Buffer.alloc(32, 7).toString('base64')}`
  const running = await start(name, {}, { PIPELINES, ENCRYPTION_KEYS, TRACE_ENABLED: 'true' })
  const person = { name: 'Ada Lovelace', email: 'ada@example.com' }
  await running.publish(stream, 'system.info', { a: 1 })
  expect((await running.publish(stream, 'user.created', person)).status).toBe(201)
  await until('the file', () => written(output).length === 1)
  expect(written(output)).toEqual([{ name: 'Ada Lovelace', email: '****' }])
  // Long enough that no ciphertext holds it by chance.
  expect(JSON.stringify(await admin.send(['XRANGE', stream, '-', '+']))).not.toContain('Lovelace')
})

test('a source goes on where it was, and what it publishes is encrypted like all else', async () => {
  const { name, stream } = place()
  const reads: (string | undefined)[] = []
  const from: Source = {
    async *read({ cursor }) {
      reads.push(cursor)
      for (let at = Number(cursor ?? 0); at < 3; at++)
        yield {
          items: [{ event: { type: 'row', data: `row ${at}` }, id: String(at) }],
          cursor: String(at + 1),
        }
    },
  }
  const app = { pipelines: [pipeline('archive', { from, to: stream })] }
  const ENCRYPTION_KEYS = `k1:${Buffer.alloc(32, 7).toString('base64')}`
  const one = await start(name, app, { ENCRYPTION_KEYS })
  await until('the end', async () => (await pipelineOf(one)).state === 'finished')
  const metrics = await (await fetch(`${one.service.url}/metrics`)).text()
  expect(metrics).toContain('millrace_source_published_total{pipeline="archive"} 3')
  await one.stop()
  const two = await start(name, app, { ENCRYPTION_KEYS })
  await until('the end', async () => (await pipelineOf(two)).state === 'finished')
  expect(reads).toEqual([undefined, '3'])
  expect(await admin.send(['XLEN', stream])).toBe(3)
  expect(JSON.stringify(await admin.send(['XRANGE', stream, '-', '+']))).not.toContain('row 1')
})

test('without pipelines the role does nothing, and says so where it is alone', async () => {
  const { name } = place()
  const running = await start(name, {})
  expect((await running.get<Health>('/health')).body).toMatchObject({ status: 'healthy' })
  expect((await sinksOf(running)).pipelines).toBeUndefined()
  expect((await new AdminClient(running).get('/pipelines')).body.pipelines).toEqual([])
  expect(running.lines.join('\n')).toContain('The connector has nothing to do')
})
