import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { failureOf, until } from '../../../test/support/until.ts'
import { useProxy } from '../../../test/support/use-proxy.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import type { MillraceError } from '../../core/errors.ts'
import { comparePositions } from '../../core/position.ts'
import type { NewEntry } from '../../core/stream-log.ts'
import type { AppendOptions } from './appender.ts'
import { RedisStreamLog } from '../redis-log.ts'

const { server, admin } = useRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
const proxy = useProxy(server)
let logs: RedisStreamLog[]
let stream: string
let streams = 0

beforeEach(() => {
  logs = []
  stream = `appender:${streams++}`
})
afterEach(() => Promise.all(logs.map((log) => log.close())))

async function open(options: AppendOptions = {}): Promise<RedisStreamLog> {
  const log = await RedisStreamLog.open({ url: proxy.url('redis'), commandTimeoutMs: 1_000, ...options })
  logs.push(log)
  return log
}

const numbered = (count: number, size = 0): NewEntry[] =>
  Array.from({ length: count }, (_, number) => ({
    fields: ['number', String(number), 'padding', 'x'.repeat(size)],
  }))

const keyed = (key: string, value = 'v'): NewEntry => ({ fields: ['field', value], idempotencyKey: key })

const codes = (results: readonly (string | MillraceError)[]) =>
  results.map((result) => (typeof result === 'string' ? 'written' : result.code))

const numbersIn = async (name = stream): Promise<number[]> => {
  const rows = await admin.send<[string, string[]][]>(['XRANGE', name, '-', '+'])
  return rows.map(([, fields]) => Number(fields[1]))
}

/** How often each command ran since `CONFIG RESETSTAT`; those that scripts call are counted too. */
async function calls(): Promise<Record<string, number>> {
  const stats = await admin.send<string>(['INFO', 'commandstats'])
  const found = stats.matchAll(/^cmdstat_(\w+):calls=(\d+)/gm)
  return Object.fromEntries([...found].map(([, name, count]) => [name, Number(count)]))
}

const resetCalls = () => admin.send(['CONFIG', 'RESETSTAT'])

/** Ends the connections of a log, and waits until it knows. */
async function disconnect(log: RedisStreamLog): Promise<void> {
  await proxy.stop()
  await untilCutOff(log)
}

async function untilCutOff(log: RedisStreamLog): Promise<void> {
  const away = () =>
    log.ping().then(
      () => false,
      (error: MillraceError) => error.code === 'REDIS_UNAVAILABLE',
    )
  await until('the end of the connections', away)
}

describe('batches', () => {
  test('calls made close together travel as few commands, in the order of the calls', async () => {
    const log = await open()
    await log.append(stream, numbered(1)) // loads the script
    await resetCalls()
    const results = await Promise.all(numbered(200).map((entry) => log.append(stream, [entry])))
    const positions = results.flat() as string[]
    expect((await calls())['evalsha']).toBeLessThanOrEqual(2)
    expect(positions).toEqual([...new Set(positions)].sort(comparePositions))
    expect((await numbersIn()).slice(1)).toEqual(numbered(200).map((_, number) => number))
  })

  test('of many streams at once keep apart, and each keeps its order', async () => {
    const log = await open()
    const names = Array.from({ length: 20 }, (_, number) => `${stream}:${number}`)
    await Promise.all(numbered(50).flatMap((entry) => names.map((name) => log.append(name, [entry]))))
    for (const name of names) expect(await numbersIn(name)).toEqual(numbered(50).map((_, number) => number))
  })

  test('end at 250 entries', async () => {
    const log = await open()
    await log.append(stream, numbered(1))
    await resetCalls()
    await log.append(stream, numbered(1_001))
    expect(await calls()).toEqual({ eval: 4, xadd: 1_001 })
    expect((await numbersIn()).slice(1)).toEqual(numbered(1_001).map((_, number) => number))
  })

  test('end at 1 MB', async () => {
    const log = await open()
    await log.append(stream, numbered(1))
    await resetCalls()
    await log.append(stream, numbered(60, 50_000))
    expect(await calls()).toMatchObject({ eval: 4, xadd: 60 })
  })

  test('leave out large entries, which go as plain XADD and in their order', async () => {
    const log = await open()
    await log.append(stream, numbered(1))
    await resetCalls()
    const mixed = numbered(30).map((entry, number) =>
      number % 10 === 5 ? numbered(30, 100_000)[number]! : entry,
    )
    expect(codes(await log.append(stream, mixed))).toEqual(mixed.map(() => 'written'))
    expect(await calls()).toMatchObject({ eval: 4, xadd: 30 })
    expect((await numbersIn()).slice(1)).toEqual(mixed.map((_, number) => number))
  })

  test('of many shapes keep every field', async () => {
    const log = await open()
    const entries = Array.from({ length: 100 }, (_, number) => ({
      fields: Array.from({ length: 2 * (1 + (number % 4)) }, (_, part) => `${number}:${part}`),
    }))
    await log.append(stream, entries)
    const rows = await admin.send<[string, string[]][]>(['XRANGE', stream, '-', '+'])
    expect(rows.map(([, fields]) => fields)).toEqual(entries.map(({ fields }) => fields))
  })

  test('survive that the server forgets its scripts', async () => {
    const log = await open()
    await log.append(stream, [...numbered(1), keyed('before')])
    await admin.send(['SCRIPT', 'FLUSH'])
    expect(codes(await log.append(stream, numbered(600)))).toEqual(numbered(600).map(() => 'written'))
    await admin.send(['SCRIPT', 'FLUSH'])
    expect(codes(await log.append(stream, [keyed('after'), keyed('before')]))).toEqual(['written', 'written'])
    expect(await admin.send(['XLEN', stream])).toBe(603)
  })
})

describe('a lost reply', () => {
  test('leaves an entry without a key uncertain, and never sends it again', async () => {
    const log = await open()
    await log.append(stream, numbered(1))
    const dropped = proxy.dropNextReply((command) => command.includes(stream))
    const [result] = await log.append(stream, numbered(1))
    await dropped
    expect(result).toMatchObject({ code: 'PUBLISH_UNCERTAIN' })
    expect(codes(await log.append(stream, numbered(1)))).toEqual(['written'])
    expect(await admin.send(['XLEN', stream])).toBe(3)
  })

  test('makes an entry with a key travel again, and it stands once', async () => {
    const log = await open()
    const dropped = proxy.dropNextReply((command) => command.includes(stream))
    const [result] = await log.append(stream, [keyed('once')])
    await dropped
    const rows = await admin.send<[string][]>(['XRANGE', stream, '-', '+'])
    expect([result]).toEqual(rows.map(([position]) => position))
  })

  test('tells the two apart within one batch', async () => {
    const log = await open()
    const dropped = proxy.dropNextReply((command) => command.includes(stream))
    const results = await log.append(stream, [keyed('a'), ...numbered(1), keyed('b')])
    await dropped
    expect(codes(results)).toEqual(['written', 'PUBLISH_UNCERTAIN', 'written'])
    expect(await admin.send(['XLEN', stream])).toBe(3)
  })

  test('is not forgotten when Redis stays away after it', async () => {
    const log = await open({ offlineTimeoutMs: 100 })
    const dropped = proxy.dropNextReply((command) => command.includes(stream))
    const appended = log.append(stream, [keyed('lost')])
    await dropped
    await proxy.stop()
    expect(codes(await appended)).toEqual(['PUBLISH_UNCERTAIN'])
  })

  test('of a server that hangs comes to light by the deadline of the command', async () => {
    const log = await open()
    proxy.swallow('down')
    const start = performance.now()
    const appended = log.append(stream, numbered(1))
    expect(codes(await appended)).toEqual(['PUBLISH_UNCERTAIN'])
    expect(performance.now() - start).toBeLessThan(10_000)
    proxy.pass()
    await until('the connection', () => log.ping())
    expect(await admin.send(['XLEN', stream])).toBe(1)
  })
})

describe('while Redis is away', () => {
  test('entries wait, and are written in order when it is back', async () => {
    const log = await RedisStreamLog.open({ url: server.url })
    logs.push(log)
    await log.append(stream, numbered(1))
    await server.kill('SIGKILL')
    await untilCutOff(log)
    const appended = numbered(700).map((entry) => log.append(stream, [entry]))
    await server.restart()
    await until('the server', () => admin.send(['PING']))
    // Those that were sent before the end was noticed may have been lost on the way; nothing was sent here.
    expect(codes((await Promise.all(appended)).flat())).toEqual(appended.map(() => 'written'))
    expect((await numbersIn()).slice(1)).toEqual(appended.map((_, number) => number))
  })

  test('they fail after their time, all of them at once, with nothing written', async () => {
    const log = await open({ offlineTimeoutMs: 500 })
    await disconnect(log)
    const start = performance.now()
    const results = await log.append(stream, numbered(10_000))
    expect(performance.now() - start).toBeGreaterThanOrEqual(499)
    // Ten rounds of batches, were the time of each to begin with its turn.
    expect(performance.now() - start).toBeLessThan(10 * 500 - 1_000)
    expect(new Set(codes(results))).toEqual(new Set(['REDIS_UNAVAILABLE']))
    expect(await admin.send(['EXISTS', stream])).toBe(0)
  })

  test('no more of them wait than is allowed, in number and in size', async () => {
    const log = await open({ offlineTimeoutMs: 300, maxQueuedEntries: 10, maxQueuedSize: 10_000 })
    await disconnect(log)
    const [many, large] = await Promise.all([
      log.append(stream, numbered(12)),
      log.append(stream, numbered(1)),
    ])
    expect(codes(many)).toEqual(
      numbered(12).map((_, number) => (number < 10 ? 'REDIS_UNAVAILABLE' : 'PUBLISH_QUEUE_FULL')),
    )
    expect(codes(large)).toEqual(['PUBLISH_QUEUE_FULL'])
    const sizes = await log.append(stream, numbered(3, 4_000))
    expect(codes(sizes)).toEqual(['REDIS_UNAVAILABLE', 'REDIS_UNAVAILABLE', 'PUBLISH_QUEUE_FULL'])
    // One that is larger than all that may wait still goes when nothing waits.
    expect(codes(await log.append(stream, numbered(1, 20_000)))).toEqual(['REDIS_UNAVAILABLE'])
  })

  test('closing waits for them no longer than they wait', async () => {
    const log = await open({ offlineTimeoutMs: 300 })
    await disconnect(log)
    const appended = log.append(stream, numbered(10_000))
    await log.close()
    expect(new Set(codes(await appended))).toEqual(new Set(['REDIS_UNAVAILABLE']))
  })

  test('and when it can not write for a while, they wait too', async () => {
    const log = await open({ offlineTimeoutMs: 5_000 })
    await admin.send(['CONFIG', 'SET', 'min-replicas-to-write', '1'])
    try {
      const appended = log.append(stream, numbered(500))
      await until('a refusal', async () => ((await refusals())['NOREPLICAS'] ?? 0) > 0)
      await admin.send(['CONFIG', 'SET', 'min-replicas-to-write', '0'])
      expect(new Set(codes(await appended))).toEqual(new Set(['written']))
      expect(await numbersIn()).toEqual(numbered(500).map((_, number) => number))
    } finally {
      await admin.send(['CONFIG', 'SET', 'min-replicas-to-write', '0'])
    }
  })

  test('and when it can not write for longer, they fail with what it said', async () => {
    const log = await open({ offlineTimeoutMs: 200 })
    await admin.send(['CONFIG', 'SET', 'min-replicas-to-write', '1'])
    try {
      const [result] = await log.append(stream, numbered(1))
      expect(result).toMatchObject({ code: 'REDIS_REFUSED', message: expect.stringContaining('NOREPLICAS') })
    } finally {
      await admin.send(['CONFIG', 'SET', 'min-replicas-to-write', '0'])
    }
  })

  async function refusals(): Promise<Record<string, number>> {
    const stats = await admin.send<string>(['INFO', 'errorstats'])
    const found = stats.matchAll(/^errorstat_(\w+):count=(\d+)/gm)
    return Object.fromEntries([...found].map(([, name, count]) => [name, Number(count)]))
  }
})

describe('what Redis refuses', () => {
  test('a key that holds something else says so, with or without a key', async () => {
    const log = await open()
    await admin.send(['SET', stream, 'text'])
    for (const entry of [numbered(1)[0]!, keyed('k'), numbered(1, 100_000)[0]!]) {
      const [result] = await log.append(stream, [entry])
      expect(result).toMatchObject({ code: 'UNKNOWN_STREAM', message: expect.stringContaining(stream) })
    }
    expect(codes(await log.append(`${stream}:other`, numbered(1)))).toEqual(['written'])
  })

  test('a full memory is a clear error, and the rest works when there is room again', async () => {
    const log = await open()
    await log.append(stream, numbered(10))
    await admin.send(['CONFIG', 'SET', 'maxmemory', '1'])
    try {
      const results = await log.append(stream, [...numbered(300), ...numbered(1, 100_000)])
      expect(new Set(codes(results))).toEqual(new Set(['REDIS_REFUSED']))
      expect((results[0] as MillraceError).message).toContain('OOM')
      expect(await log.append(stream, [keyed('k')])).toMatchObject([{ code: 'REDIS_REFUSED' }])
    } finally {
      await admin.send(['CONFIG', 'SET', 'maxmemory', '0'])
    }
    expect(codes(await log.append(stream, [...numbered(1), keyed('k')]))).toEqual(['written', 'written'])
    expect(await admin.send(['XLEN', stream])).toBe(12)
  })

  test('an entry that is none is refused alone, before anything is sent', async () => {
    const log = await open()
    const wrong = [{ fields: [] }, { fields: ['odd'] }, { fields: ['number', 5 as unknown as string] }]
    const results = await log.append(stream, [...numbered(2), ...wrong, ...numbered(1)])
    expect(codes(results)).toEqual(['written', 'written', ...wrong.map(() => 'EVENT_INVALID'), 'written'])
    expect(await numbersIn()).toEqual([0, 1, 0])
  })

  test('a log that was closed says so', async () => {
    const log = await open()
    await log.close()
    expect(codes(await log.append(stream, numbered(1)))).toEqual(['CLOSED'])
  })

  test.each(['', 'a\nb', 'a\u0000b', '\u2028', 'x'.repeat(300), 'lone \ud800'])(
    'the stream name %j',
    async (name) => {
      const log = await open()
      expect(await failureOf(() => log.append(name, numbered(1)))).toMatchObject({ code: 'NAME_INVALID' })
    },
  )
})
