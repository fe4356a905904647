import { beforeEach, describe, expect, test } from 'vitest'
import { failureOf, until } from '../../../test/support/until.ts'
import { useLog, useRedis } from '../../../test/support/use-redis.ts'
import { decodeEntry } from '../../core/codec.ts'
import type { ReplayProgress, ReplayRequest } from '../../core/replay.ts'
import type { Claim } from '../../core/stream-log.ts'
import { startFaultProxy } from '../../testing/fault-proxy.ts'
import { RedisActionRecords } from '../operations/action-record.ts'
import { openConnection } from '../connections/servers.ts'
import { holdsKey, RedisHolds } from '../retention/holds.ts'
import { COPY_FIELDS, inletKey } from '../keys.ts'
import { replayKey } from './replay-keys.ts'
import { RedisReplays } from './replay.ts'

const GROUP = 'mailer'
const ada = { actor: 'ada@example.com', reason: 'mails were lost' }
const FAST = { ratePerSecond: 1e6 }

const { server, admin } = useRedis()
const log = useLog(server)
const replays = new RedisReplays(admin)
const holds = new RedisHolds(admin)
let stream: string
let streams = 0

beforeEach(() => {
  stream = `replay:${streams++}`
})

const xadd = (fields: readonly (string | Buffer)[], id = '*') =>
  admin.send<string>(['XADD', stream, id, ...(fields as string[])])
async function publish(count: number): Promise<string[]> {
  const fields = (number: number) => ['type', 'counted', 'data', String(number)]
  const entries = Array.from({ length: count }, (_, number) => ({ fields: fields(number) }))
  return (await log.append(stream, entries)) as string[]
}
const createGroup = () => admin.send(['XGROUP', 'CREATE', stream, GROUP, '$', 'MKSTREAM'])
const copies = (key = inletKey(stream, GROUP)) => admin.send<[string, string[]][]>(['XRANGE', key, '-', '+'])
const copiedFrom = async () => (await copies()).map(([, fields]) => fields.at(-3))
const replay = (request: Partial<ReplayRequest> = {}) =>
  replays.replay({ name: 'again', stream, target: { group: GROUP }, ...ada, ...FAST, ...request })
const bytes = (key: string, part: number) =>
  admin.send([
    'EVAL',
    `return redis.sha1hex(redis.call('XRANGE', KEYS[1], '-', '+')[1][2][${part}])`,
    '1',
    key,
  ])

describe('into a group', () => {
  test('copies the entries of the range, in order, for that group alone', async () => {
    await createGroup()
    const positions = await publish(25)
    const result = await replay({ from: positions[5]!, to: positions[14]! })
    expect(result).toMatchObject({
      name: 'again',
      stream,
      target: { group: GROUP },
      from: positions[5],
      to: positions[14],
      position: positions[14],
      copied: 10,
      skipped: 0,
      state: 'done',
    })
    expect(await copiedFrom()).toEqual(positions.slice(5, 15))
    const [, fields] = (await copies())[0]!
    expect(fields.slice(-4)).toEqual([COPY_FIELDS.position, positions[5], COPY_FIELDS.cause, 'replay'])
    expect(await admin.send(['XLEN', stream])).toBe(25)
  })

  test('reaches its consumers as a first attempt', async () => {
    await createGroup()
    const positions = await publish(3)
    const consumer = await log.join({ stream, group: GROUP, consumer: 'c-1' })
    const forEver = new AbortController().signal
    const claims: Claim[] = []
    const collect = async (count: number) =>
      until(`${count} claims`, async () => {
        claims.push(...(await consumer.claim(100, 50, forEver)))
        return claims.length >= count
      })
    await collect(3)
    await consumer.settle(claims.map(({ position }) => ({ kind: 'acknowledge', position })))
    await replay()
    claims.length = 0
    await collect(3)
    expect(claims.map(({ attempt, copyOf }) => [attempt, copyOf])).toEqual(
      positions.map((position) => [1, { position, cause: 'replay' }]),
    )
    await consumer.leave()
  })

  test('takes everything up to the end at its start, and nothing that comes later', async () => {
    await createGroup()
    const positions = await publish(20)
    const late: string[] = []
    const result = await replay({
      ratePerSecond: 200,
      onProgress: () => void (async () => late.push(...(await publish(1))))(),
    })
    expect(result).toMatchObject({ copied: 20, to: positions.at(-1) })
    expect(await copiedFrom()).toEqual(positions)
  })

  test('takes moments for ends', async () => {
    await createGroup()
    const times = [1_000, 2_000, 2_000, 3_000, 4_000]
    for (const [index, time] of times.entries()) await xadd(['a', 'b'], `${time}-${index}`)
    const range = { stream, from: new Date(2_000), to: new Date(3_000) }
    expect(await replays.count(range)).toEqual({
      first: '2000-1',
      last: '3000-3',
      entries: 3,
      complete: true,
    })
    await replay(range)
    expect(await copiedFrom()).toEqual(['2000-1', '2000-2', '3000-3'])
  })

  test('that does not exist, or of a stream that does not, is refused', async () => {
    expect((await failureOf(replay())).code).toBe('UNKNOWN_STREAM')
    expect((await failureOf(replays.count({ stream }))).code).toBe('UNKNOWN_STREAM')
    await publish(1)
    expect((await failureOf(replay())).code).toBe('UNKNOWN_GROUP')
    expect(await admin.send(['KEYS', `*${stream}*`])).toEqual([stream])
  })

  test('that goes away meanwhile stops it, and nothing is copied for nobody', async () => {
    await createGroup()
    await publish(30)
    const leaving = replay({
      ratePerSecond: 100,
      onProgress: () => void admin.send(['XGROUP', 'DESTROY', stream, GROUP]),
    })
    expect((await failureOf(leaving)).code).toBe('UNKNOWN_GROUP')
    expect((await copies()).length).toBeLessThan(30)
  })
})

describe('into another stream', () => {
  test.each(['same {tag} other', 'elsewhere'])('keeps bytes and identity: %s', async (name) => {
    stream = name.startsWith('same') ? `{tag}:${stream}` : stream
    const target = name.startsWith('same') ? `{tag}:${streams}` : `target:${streams}`
    const raw = Buffer.from([0, 1, 255, 254, 10])
    const position = await xadd(['type', 't', 'data', '{"a":1}', 'blob', raw], '1700000000123-4')
    await replay({ target: { stream: target } })
    const [[copy, fields]] = (await copies(target)) as [[string, string[]]]
    expect(await bytes(target, 6)).toBe(await bytes(stream, 6))
    const event = decodeEntry(target, { position: copy, fields })
    expect(event).toMatchObject({ id: position, type: 't', data: { a: 1 }, headers: { source: stream } })
    expect(event.time).toBe(new Date(1_700_000_000_123).toISOString())
    expect(fields).not.toContain(COPY_FIELDS.position)
    // The copy of a copy is still the event that it was.
    await replays.replay({ name: 'on', stream: target, target: { stream: `${target}:2` }, ...ada, ...FAST })
    expect((await copies(`${target}:2`))[0]![1]).toEqual(fields)
  })

  test('leaves the entries of others as they are', async () => {
    const foreign = ['eventType', 'x', 'payload', '{}', 'timestamp', '5']
    await xadd(foreign)
    await replay({ target: { stream: `${stream}:target` } })
    expect((await copies(`${stream}:target`))[0]![1]).toEqual(foreign)
  })

  test.each([0, 1, 951_782_400_000, 1_709_164_800_000, 4_107_542_399_999, 253_402_300_799_999])(
    'writes the time of %s as everybody does',
    async (ms) => {
      await xadd(['type', 't', 'data', '1'], `${ms}-1`)
      await replay({ target: { stream: `${stream}:target` } })
      const [, fields] = (await copies(`${stream}:target`))[0]!
      expect(fields[fields.indexOf('time') + 1]).toBe(new Date(ms).toISOString())
    },
  )

  test('leaves out what is too wide to be written in one step, and says so', async () => {
    const wide = Array.from({ length: 4_500 }, (_, n) => [`f${n}`, 'v']).flat()
    await xadd(['a', 'b'])
    await xadd(wide)
    await xadd(['c', 'd'])
    expect(await replay({ target: { stream: `${stream}:target` } })).toMatchObject({
      copied: 2,
      skipped: 1,
      state: 'done',
    })
  })

  test('is refused when it is the stream itself or no stream', async () => {
    await publish(1)
    expect((await failureOf(replay({ target: { stream } }))).code).toBe('CONFIGURATION_INVALID')
    await admin.send(['SET', `${stream}:target`, 'text'])
    expect((await failureOf(replay({ target: { stream: `${stream}:target` } }))).code).toBe('UNKNOWN_STREAM')
    expect(await replays.progress(stream, 'again')).toBeUndefined()
  })
})

describe('progress', () => {
  test('is told after every step, at the rate', async () => {
    await createGroup()
    await publish(30)
    const seen: ReplayProgress[] = []
    const start = performance.now()
    await replay({ ratePerSecond: 100, onProgress: (progress) => seen.push(progress) })
    expect(performance.now() - start).toBeGreaterThan(280)
    expect(seen.map(({ copied }) => copied).slice(0, 3)).toEqual([10, 20, 30])
    expect(seen.at(-1)!.state).toBe('done')
    expect(await replays.progress(stream, 'again')).toEqual(seen.at(-1))
    expect(await admin.send<number>(['PTTL', replayKey(stream, 'again')])).toBeGreaterThan(0)
  })

  test('survives a stop: the same name goes on, and done is done', async () => {
    await createGroup()
    const positions = await publish(40)
    const stop = new AbortController()
    const stopped = await replay({ ratePerSecond: 100, signal: stop.signal, onProgress: () => stop.abort() })
    expect(stopped).toMatchObject({ state: 'stopped', copied: 10 })
    expect(await holds.list(stream)).toEqual([])
    expect(await replay()).toMatchObject({ state: 'done', copied: 40 })
    expect(await replay()).toMatchObject({ state: 'done', copied: 40 })
    expect(await copiedFrom()).toEqual(positions)
  })

  test('survives lost replies and cut connections without a copy too many', async () => {
    await createGroup()
    const positions = await publish(60)
    const proxy = await startFaultProxy({ port: server.port })
    const far = await openConnection({ url: proxy.url('redis'), commandTimeoutMs: 300 }, 'far')
    let steps = 0
    const result = await new RedisReplays(far).replay({
      name: 'again',
      stream,
      target: { group: GROUP },
      ratePerSecond: 100,
      ...ada,
      onProgress: () => {
        if (++steps % 2 === 1) void proxy.dropNextReply((command) => command.includes('EVALSHA'))
        else proxy.cut()
      },
    })
    expect(result).toMatchObject({ state: 'done', copied: 60 })
    expect(await copiedFrom()).toEqual(positions)
    await far.close()
    await proxy.stop()
  })

  test('is shared by two that run it at once', async () => {
    await createGroup()
    const positions = await publish(3_000)
    const both = await Promise.all([replay(), replay()])
    expect(both.map(({ state, copied }) => [state, copied])).toEqual([
      ['done', 3_000],
      ['done', 3_000],
    ])
    expect(await copiedFrom()).toEqual(positions)
  })

  test('is not that of another replay of the same name', async () => {
    await createGroup()
    await publish(2)
    await replay()
    for (const other of [{ to: '5-5' }, { from: new Date(5) }, { target: { stream: 'x' } }])
      expect((await failureOf(replay(other))).code).toBe('REPLAY_CONFLICT')
    expect(await copies()).toHaveLength(2)
  })
})

describe('the hold', () => {
  test('keeps what is still to come, moves with it, and goes in the end', async () => {
    await createGroup()
    const positions = await publish(30)
    const held: string[] = []
    await replay({
      ratePerSecond: 100,
      from: positions[2]!,
      onProgress: () =>
        void holds.list(stream).then((list) => held.push(...list.map(({ position }) => position))),
    })
    await until('both', () => held.length >= 2)
    expect(held).toEqual([positions[11], positions[21]])
    expect(await holds.list(stream)).toEqual([])
  })

  test('stays with one whose process died, until it is taken up or abandoned', async () => {
    await createGroup()
    await publish(30)
    const dying = await openConnection({ url: server.url }, 'dying')
    const death = new RedisReplays(dying).replay({
      name: 'again',
      stream,
      target: { group: GROUP },
      ratePerSecond: 100,
      ...ada,
      onProgress: () => void dying.close(),
    })
    expect((await failureOf(death)).code).toBe('CLOSED')
    expect(await replays.progress(stream, 'again')).toMatchObject({ state: 'running', copied: 10 })
    const [hold] = await holds.list(stream)
    expect(hold).toMatchObject({ name: 'replay:again' })
    expect(hold!.expiresAt).toBeGreaterThan(Date.now() + 23 * 3_600_000)
    expect(await replays.abandon(stream, 'again', ada)).toBe(true)
    expect(await replays.abandon(stream, 'again', ada)).toBe(false)
    expect(await admin.send(['EXISTS', holdsKey(stream), replayKey(stream, 'again')])).toBe(0)
  })

  test('of a replay that is abandoned while it runs goes, and it stops', async () => {
    await createGroup()
    await publish(100)
    const running = replay({
      ratePerSecond: 100,
      onProgress: () => void replays.abandon(stream, 'again', ada),
    })
    expect((await failureOf(running)).code).toBe('REPLAY_CONFLICT')
    expect(await holds.list(stream)).toEqual([])
    expect((await copies()).length).toBeLessThan(100)
  })
})

test('what was done is written down', async () => {
  await createGroup()
  const positions = await publish(3)
  await replay()
  const { records } = await new RedisActionRecords(admin).actions(stream)
  expect(records).toMatchObject([
    {
      action: 'replay',
      ...ada,
      group: GROUP,
      count: 3,
      run: 'again',
      detail: { state: 'done', to: positions[2] },
    },
    { action: 'replay', ...ada, group: GROUP, count: 0, run: 'again', detail: { state: 'started' } },
  ])
})

test('a group for which other software reads is refused, since nobody would come for the copies', async () => {
  await createGroup()
  await publish(3)
  await admin.send(['XREADGROUP', 'GROUP', GROUP, 'theirs', 'COUNT', '1', 'STREAMS', stream, '>'])
  expect(await failureOf(replay())).toMatchObject({ code: 'GROUP_FOREIGN' })
  expect(await copies()).toEqual([])
  expect(await replays.progress(stream, 'again')).toBeUndefined()
  const consumer = await log.join({ stream, group: GROUP, consumer: 'ours' })
  await consumer.leave()
  expect(await replay()).toMatchObject({ state: 'done', copied: 3 })
})

test('a memory that is full fails it without a loss, and it goes on later', async () => {
  await createGroup()
  const positions = await publish(30)
  const filling = replay({
    ratePerSecond: 100,
    onProgress: () => void admin.send(['CONFIG', 'SET', 'maxmemory', '1']),
  })
  expect((await failureOf(filling)).message).toContain('OOM')
  await admin.send(['CONFIG', 'SET', 'maxmemory', '0'])
  expect(await replay()).toMatchObject({ state: 'done', copied: 30 })
  expect(await copiedFrom()).toEqual(positions)
})

test('a target that is deleted meanwhile fails it, since the rest alone would pass for all', async () => {
  const target = `${stream}:target`
  await publish(30)
  const copying = replay({
    target: { stream: target },
    ratePerSecond: 100,
    onProgress: ({ copied }) => {
      if (copied < 20) void admin.send(['DEL', target])
    },
  })
  expect(await failureOf(copying)).toMatchObject({
    code: 'REPLAY_CONFLICT',
    message: expect.stringContaining('was deleted while it was copied to'),
  })
  expect(await admin.send(['EXISTS', target])).toBe(0)
})

test('nothing is copied by a step that the target refuses in the middle', async () => {
  const target = `${stream}:target`
  // Two more entries fit under the largest id there is.
  await admin.send(['XADD', target, '18446744073709551615-18446744073709551613', 'a', 'b'])
  await publish(5)
  expect((await failureOf(replay({ target: { stream: target } }))).message).toContain('Redis refused')
  expect(await replays.progress(stream, 'again')).toMatchObject({ state: 'running', copied: 2 })
  expect(await copies(target)).toHaveLength(3)
})

test('what makes no sense is refused', async () => {
  await publish(1)
  for (const wrong of [
    { from: 'x' },
    { to: new Date('x') },
    { ratePerSecond: -1 },
    { from: '99999999999999999999-0' },
  ])
    expect((await failureOf(replay(wrong))).code).toBe('CONFIGURATION_INVALID')
  for (const wrong of [{ name: '' }, { actor: '' }, { target: { group: '' } }])
    expect((await failureOf(replay(wrong))).code).toBe('NAME_INVALID')
})

test('counting goes over large streams in small steps', async () => {
  const fill = `for i = 1, 25000 do redis.call('XADD', KEYS[1], i .. '-0', 'a', 'b') end`
  await admin.send(['EVAL', fill, '1', stream])
  expect(await replays.count({ stream })).toEqual({
    first: '1-0',
    last: '25000-0',
    entries: 25_000,
    complete: true,
  })
  expect(await replays.count({ stream, from: '30000-0' })).toEqual({ entries: 0, complete: true })
})
