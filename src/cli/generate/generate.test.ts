import { expect, test } from 'vitest'
import { useCommand } from '../../../test/support/use-command.ts'
import { useLog, useRedisServer } from '../../../test/support/use-redis.ts'
import { CapturedIo } from '../../../test/support/captured-io.ts'
import { until } from '../../../test/support/until.ts'
import { decodeEntry, namedFields } from '../../core/codec.ts'
import { FIRST_POSITION } from '../../core/position.ts'
import { EXIT } from '../exit.ts'
import { run } from '../program.ts'
import type { GenerateReport } from './generate.ts'

const server = useRedisServer()
const log = useLog(server)
const command = useCommand(server)

const generate = async (stream: string, ...args: string[]) => {
  const { code, json } = await command([
    'generate',
    '--stream',
    stream,
    '--rate',
    '100000',
    '--json',
    ...args,
  ])
  return { code, report: json as GenerateReport }
}
const read = (stream: string) => log.read(stream, FIRST_POSITION, 10_000)

interface Reading {
  device: string
  sequence: number
  temperature: number
  at: string
}

test('telemetry of as many devices, each the key of its events, the same for the same seed', async () => {
  const { code, report } = await generate('a', '--count', '1000', '--devices', '3', '--seed', '42')
  expect(code).toBe(EXIT.ok)
  expect(report).toMatchObject({
    stream: 'a',
    kind: 'telemetry',
    seed: 42,
    published: 1_000,
    good: 1_000,
    failed: 0,
  })
  const events = (await read('a')).map((entry) => decodeEntry('a', entry))
  expect(events).toHaveLength(1_000)
  const readings = events.map(({ data }) => data as Reading)
  expect(new Set(readings.map(({ device }) => device)).size).toBe(3)
  expect(
    events.every(({ key, type, data }) => key === (data as Reading).device && type === 'telemetry.reading'),
  ).toBe(true)
  expect(readings.every(({ temperature }) => temperature > -20 && temperature < 60)).toBe(true)

  await generate('b', '--count', '1000', '--devices', '3', '--seed', '42')
  const again = (await read('b')).map((entry) => decodeEntry('b', entry).data as Reading)
  const timeless = (all: Reading[]) => all.map((one) => ({ ...one, at: undefined }))
  expect(timeless(again)).toEqual(timeless(readings))
})

test.each([
  ['earthquakes', 'earthquake.reported', 'properties', 1_708],
  ['weather', 'weather.observed', 'location', 2_923],
])('%s are real, and begin anew at their end', async (kind, type, member, count) => {
  await generate(kind, '--kind', kind, '--count', String(count))
  const events = (await read(kind)).map((entry) => decodeEntry(kind, entry))
  expect(events[0]).toMatchObject({ type, data: { [member]: expect.anything() }, key: expect.any(String) })
  expect(events.at(-1)!.data).toEqual(events[0]!.data)
})

test('bad ones on request, of each kind', async () => {
  const { code, report } = await generate('bad', '--count', '60', '--bad', '50%', '--seed', '7')
  expect(code).toBe(EXIT.ok)
  const { undecodable, oversize, misshapen } = report.bad
  expect(report.good + undecodable + oversize + misshapen).toBe(60)
  expect(Math.min(undecodable, oversize, misshapen)).toBeGreaterThan(5)
  const entries = await read('bad')
  const broken = entries.filter((entry) => {
    try {
      decodeEntry('bad', entry)
      return false
    } catch {
      return true
    }
  })
  expect(broken).toHaveLength(undecodable)
  expect(entries.filter(({ fields }) => namedFields(fields).get('data')!.length > 1_100_000)).toHaveLength(
    oversize,
  )
})

test('it keeps the rate, and goes on until it is stopped; STREAM_KEY says where', async () => {
  const io = new CapturedIo({ REDIS_URL: server.url, STREAM_KEY: 'readings' })
  try {
    const running = run(io, ['generate', '--rate', '200/s'])
    await until('some events', async () => (await read('readings')).length >= 100)
    io.stop.abort()
    expect(await running).toBe(EXIT.ok)
    expect(io.stdout.text).toContain('readings')
    const rate = Number(/([\d.]+)\/s/.exec(io.stdout.text)![1])
    // Never more; on a busy machine less.
    expect(rate).toBeLessThan(250)
  } finally {
    io.remove()
  }
})

test('what Redis refuses is counted, and told', async () => {
  const connection = await import('../../redis/connections/servers.ts')
  const admin = await connection.openConnection({ url: server.url }, 'test')
  await admin.send(['SET', 'taken', 'no stream'])
  await admin.close()
  const { code, report } = await generate('taken', '--count', '10')
  expect([code, report.published, report.failed]).toEqual([EXIT.failed, 0, 10])
})

test.each([
  ['no share', ['--bad', '5'], 'It is a share'],
  ['no kind', ['--kind', 'fish'], 'Allowed choices are telemetry, earthquakes, weather'],
  ['no name', ['--stream', ''], 'stream name'],
])('%s is a wrong word', async (_, args, said) => {
  const { code, err } = await command(['generate', '--count', '1', ...args])
  expect(code).toBe(EXIT.usage)
  expect(err).toContain(said)
})
