import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { failureOf, until } from '../../../test/support/until.ts'
import { useLog, useRedis } from '../../../test/support/use-redis.ts'
import type { ResetOptions, ResetRequest } from '../../core/group-reset.ts'
import type { Claim, Consumer } from '../../core/stream-log.ts'
import { RedisActionRecords } from './action-record.ts'
import { RedisGroupResets } from './group-reset.ts'
import { groupKeys } from '../keys.ts'

const GROUP = 'mailer'
const ada = { actor: 'ada@example.com', reason: 'mails were lost' }
const forEver = new AbortController().signal

const { server, admin } = useRedis()
const log = useLog(server)
const resets = new RedisGroupResets(admin)
let consumers: Consumer[]
let stream: string
let streams = 0

beforeEach(() => {
  stream = `reset:${streams++}`
  consumers = []
})
afterEach(() => Promise.all(consumers.map((consumer) => consumer.leave())))

async function publish(count: number): Promise<string[]> {
  const entries = Array.from({ length: count }, (_, number) => ({ fields: ['number', String(number)] }))
  return (await log.append(stream, entries)) as string[]
}

async function join(consumer: string): Promise<Consumer> {
  const member = await log.join({ stream, group: GROUP, consumer })
  consumers.push(member)
  return member
}

async function claim(consumer: Consumer, count: number): Promise<Claim[]> {
  const claims: Claim[] = []
  await until(`${count} claims`, async () => {
    if (claims.length < count) claims.push(...(await consumer.claim(count - claims.length, 50, forEver)))
    return claims.length >= count
  })
  return claims
}

const positions = (claims: readonly Claim[]) => claims.map(({ position }) => position)
const acknowledge = (consumer: Consumer, claims: readonly Claim[]) =>
  consumer.settle(claims.map(({ position }) => ({ kind: 'acknowledge', position })))
const park = (consumer: Consumer, claims: readonly Claim[], delayMs = 60_000, attempts = 4) =>
  consumer.settle(claims.map(({ position }) => ({ kind: 'retry', position, attempts, delayMs })))
const keys = () => groupKeys(stream, GROUP)
const waiting = () => admin.send<string[]>(['ZRANGE', keys().retry, '0', '-1'])
const pending = async () =>
  (await admin.send<string[][]>(['XPENDING', stream, GROUP, '-', '+', '1000'])).map(([position]) => position!)
const low = () => admin.send<string | null>(['HGET', keys().state, 'low'])

const preview = (to: ResetRequest['to'], request: Partial<ResetRequest> = {}) =>
  resets.preview({ stream, group: GROUP, to, ...request })
const reset = (to: ResetRequest['to'], options: Partial<ResetRequest & ResetOptions> = {}) =>
  resets.reset({ stream, group: GROUP, to, ...options }, { ...ada, ...options })

/** A group that has processed ten of twelve entries; the third waits for its retry, the ninth is pending. */
async function scene() {
  const entries = await publish(12)
  const consumer = await join('c-1')
  const claims = await claim(consumer, 10)
  await acknowledge(
    consumer,
    claims.filter((_, index) => index !== 2 && index !== 8),
  )
  await park(consumer, [claims[2]!])
  await consumer.heartbeat()
  return { entries, consumer }
}
/** The same, of which nobody lives any more: the heartbeat is old, the ninth entry still pending. */
async function abandoned() {
  const { entries, consumer } = await scene()
  await consumer.leave()
  return entries
}

describe('back', () => {
  test('to the start reads everything again, with attempts anew', async () => {
    const entries = await abandoned()
    expect(await preview('start')).toMatchObject({
      from: entries[9], to: '0-0', direction: 'back', entries: 10, complete: true, dropped: 2, kept: 0, live: [],
    }) // prettier-ignore
    expect(await reset('start')).toEqual({ from: entries[9], to: '0-0', dropped: 2, kept: 0 })
    expect([await pending(), await waiting(), await low()]).toEqual([[], [], '0-0'])
    const claims = await claim(await join('c-2'), 12)
    expect(positions(claims)).toEqual(entries)
    expect(claims.every(({ attempt, origin }) => attempt === 1 && origin === 'new')).toBe(true)
  })

  test('to a position keeps what is pending at or below it, and drops what is above', async () => {
    const entries = await abandoned()
    expect(await preview(entries[4]!)).toMatchObject({ direction: 'back', entries: 5, dropped: 1, kept: 1 })
    expect(await reset(entries[4]!)).toMatchObject({ dropped: 1, kept: 1 })
    expect(await pending()).toEqual([entries[2]])
    expect(await waiting()).toEqual([entries[2]])
    const claims = await claim(await join('c-2'), 7)
    expect(positions(claims)).toEqual(entries.slice(5))
  })

  test('to a position drops everything that is pending, when it is told to', async () => {
    const entries = await abandoned()
    expect(await preview(entries[4]!, { pending: 'drop' })).toMatchObject({ dropped: 2, kept: 0 })
    expect(await reset(entries[4]!, { pending: 'drop' })).toMatchObject({ dropped: 2, kept: 0 })
    expect([await pending(), await waiting(), await low()]).toEqual([[], [], entries[4]])
  })

  test('to a moment reads its first entry next', async () => {
    for (const id of ['1000-0', '2000-0', '2000-1', '3000-0'])
      await admin.send(['XADD', stream, id, 'a', 'b'])
    await admin.send(['XGROUP', 'CREATE', stream, GROUP, '$'])
    expect(await preview(new Date(2_000))).toMatchObject({ entries: 3, direction: 'back' })
    await reset(new Date(2_000))
    expect(positions(await claim(await join('c-1'), 3))).toEqual(['2000-0', '2000-1', '3000-0'])
    await Promise.all(consumers.splice(0).map((consumer) => consumer.leave()))
    expect(await reset(new Date(0), { pending: 'drop' })).toMatchObject({ to: '0-0' })
  })

  test('and lost, the group begins again where it was set, and misses nothing that was kept', async () => {
    const entries = await abandoned()
    await reset(entries[4]!)
    await admin.send(['XGROUP', 'DESTROY', stream, GROUP])
    const claims = await claim(await join('c-2'), 10)
    expect(positions(claims)).toEqual(entries.slice(2))
  })
})

describe('forward', () => {
  test('to the end skips what is new and keeps what is pending', async () => {
    const entries = await abandoned()
    expect(await preview('end')).toMatchObject({ direction: 'forward', entries: 2, dropped: 0, kept: 2 })
    expect(await reset('end')).toEqual({ from: entries[9], to: entries[11], dropped: 0, kept: 2 })
    expect(await pending()).toEqual([entries[2], entries[8]])
    const [next] = await publish(1)
    const claims = await claim(await join('c-2'), 2)
    expect(positions(claims).sort()).toEqual([entries[8], next].sort())
  })

  test('beyond the end is to the end, so that what comes is not missed', async () => {
    const entries = await abandoned()
    expect(await reset('18446744073709551615-0', { pending: 'drop' })).toMatchObject({ to: entries[11] })
    const [next] = await publish(1)
    expect(positions(await claim(await join('c-2'), 1))).toEqual([next])
  })

  test('to where it stands changes nothing', async () => {
    const entries = await abandoned()
    expect(await preview(entries[9]!)).toMatchObject({
      direction: 'nowhere',
      entries: 0,
      dropped: 0,
      kept: 2,
    })
    await reset(entries[9]!)
    expect(await pending()).toEqual([entries[2], entries[8]])
  })
})

describe('while consumers live', () => {
  test('is refused, and changes nothing', async () => {
    const { entries } = await scene()
    expect((await preview('start')).live).toEqual(['c-1'])
    const error = await failureOf(reset('start'))
    expect(error.code).toBe('GROUP_BUSY')
    expect(error.message).toContain('c-1')
    expect(await pending()).toEqual([entries[2], entries[8]])
    expect((await new RedisActionRecords(admin).actions(stream)).records).toEqual([])
  })

  test('of other software is refused too', async () => {
    await publish(1)
    await admin.send(['XGROUP', 'CREATE', stream, GROUP, '0'])
    await admin.send(['XREADGROUP', 'GROUP', GROUP, 'theirs', 'STREAMS', stream, '>'])
    expect((await failureOf(reset('start'))).message).toContain('theirs')
  })

  test.each(['start', 'after the parked one'])('with force costs them what they hold: %s', async (place) => {
    const { entries, consumer } = await scene()
    await reset(place === 'start' ? 'start' : entries[4]!, { force: true })
    expect(await consumer.heartbeat()).toEqual([entries[8]])
    expect(await consumer.settle([{ kind: 'acknowledge', position: entries[8]! }])).toEqual([entries[8]])
    const expected = place === 'start' ? entries : entries.slice(5)
    const claims = await claim(consumer, expected.length)
    expect(positions(claims)).toEqual(expected)
    expect(await acknowledge(consumer, claims)).toEqual([])
    expect(await pending()).toEqual(place === 'start' ? [] : [entries[2]])
  })

  test('with force does not end a read that waits', async () => {
    const entries = await publish(3)
    const consumer = await join('c-1')
    await acknowledge(consumer, await claim(consumer, 3))
    const reading = consumer.claim(10, 1_000, forEver)
    await until('a blocked read', async () =>
      /flags=b .*cmd=xreadgroup/.test(await admin.send<string>(['CLIENT', 'LIST'])),
    )
    await reset('start', { force: true })
    const claims = [...(await reading)]
    await until('the entries', async () => {
      claims.push(...(await consumer.claim(10, 50, forEver)))
      return claims.length >= 3
    })
    expect(positions(claims)).toEqual(entries)
  })
})

test('a pause of the group outlasts it', async () => {
  await abandoned()
  await admin.send(['HSET', keys().state, 'paused', '1'])
  await reset('start')
  expect(await admin.send(['HGET', keys().state, 'paused'])).toBe('1')
})

test('is written down with what became of what was pending', async () => {
  const entries = await abandoned()
  await reset(entries[4]!)
  const { records } = await new RedisActionRecords(admin).actions(stream)
  expect(records).toMatchObject([
    {
      action: 'reset',
      ...ada,
      group: GROUP,
      count: 1,
      detail: { from: entries[9], to: entries[4], pending: 'keep', kept: '1', forced: '0' },
    },
  ])
})

test('what is not there, or makes no sense, is refused', async () => {
  for (const call of [preview('start'), reset('start')])
    expect((await failureOf(call)).code).toBe('UNKNOWN_STREAM')
  await publish(1)
  for (const call of [preview('start'), reset('start')])
    expect((await failureOf(call)).code).toBe('UNKNOWN_GROUP')
  await admin.send(['XGROUP', 'CREATE', stream, GROUP, '0'])
  for (const to of ['', 'beginning', '1', new Date('x'), '99999999999999999999-0'])
    expect((await failureOf(reset(to))).code).toBe('CONFIGURATION_INVALID')
  expect((await failureOf(reset('start', { pending: 'lose' as 'drop' }))).code).toBe('CONFIGURATION_INVALID')
  expect((await failureOf(reset('start', { actor: '' }))).code).toBe('NAME_INVALID')
  await admin.send(['SET', keys().retry, 'text'])
  expect((await failureOf(reset('start'))).code).toBe('UNKNOWN_STREAM')
})

describe('what stays pending', () => {
  const fill = (count: number) =>
    admin.send([
      'EVAL',
      `for i = 1, ARGV[2] do redis.call('XADD', KEYS[1], i .. '-0', 'a', 'b') end
      redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0')
      for i = 1, ARGV[2], 1000 do
        redis.call('XREADGROUP', 'GROUP', ARGV[1], 'dead', 'COUNT', 1000, 'STREAMS', KEYS[1], '>')
      end`,
      '1',
      stream,
      GROUP,
      String(count),
    ])
  const rows = () => admin.send<unknown[][]>(['XPENDING', stream, GROUP, '-', '+', '3000'])

  test('keeps its consumer, attempts, idle time and due time', async () => {
    const entries = await abandoned()
    await admin.send([
      'XCLAIM',
      stream,
      GROUP,
      'theirs',
      '0',
      entries[8]!,
      'IDLE',
      '50000',
      'RETRYCOUNT',
      '7',
      'JUSTID',
    ])
    await admin.send(['XREADGROUP', 'GROUP', GROUP, 'theirs', 'COUNT', '1', 'STREAMS', stream, '>'])
    const before = await rows()
    const due = await admin.send(['ZSCORE', keys().retry, entries[2]!])
    expect(await reset(entries[9]!, { force: true })).toMatchObject({ dropped: 1, kept: 2 })
    const after = await rows()
    expect(after.map(([id, consumer, , starts]) => [id, consumer, starts])).toEqual([
      [entries[2], '~retry', 4],
      [entries[8], 'theirs', 7],
    ])
    for (const [index, row] of after.entries())
      expect(row[2]).toBeGreaterThanOrEqual(before[index]![2] as number)
    expect(await admin.send(['ZSCORE', keys().retry, entries[2]!])).toBe(due)
  })

  test('stays though there is very much of it', async () => {
    await fill(3_000)
    await admin.send(['ZADD', keys().retry, '1', '1500-0', '2', '2500-0'])
    expect(await reset('2000-0', { force: true })).toMatchObject({ dropped: 1_000, kept: 2_000 })
    expect((await rows()).map(([id]) => id)).toEqual(Array.from({ length: 2_000 }, (_, n) => `${n + 1}-0`))
    expect(await waiting()).toEqual(['1500-0'])
  })

  test('stays though it was trimmed, so that its loss is told', async () => {
    await fill(10)
    await admin.send(['XDEL', stream, '2-0'])
    expect(await reset('3-0', { force: true })).toMatchObject({ dropped: 7, kept: 3 })
    expect((await rows()).map(([id]) => id)).toEqual(['1-0', '2-0', '3-0'])
  })

  test.each([0, 1])('may be %i of 100000', async (kept) => {
    await fill(100_000)
    expect(await preview(`${kept}-0`)).toMatchObject({
      entries: 100_000 - kept,
      dropped: 100_000 - kept,
      kept,
    })
    expect(await reset(`${kept}-0`, { force: true })).toMatchObject({ dropped: 100_000 - kept, kept })
  })
})
