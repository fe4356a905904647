import { beforeEach, describe, expect, test } from 'vitest'
import { failureOf, until } from '../../../test/support/until.ts'
import { useProxy } from '../../../test/support/use-proxy.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import { useEach } from '../../../test/support/use.ts'
import type { MillraceError } from '../../core/errors.ts'
import { positionTime } from '../../core/position.ts'
import { LAST_TIME, type NewScheduledEntry, type WaitingEntry } from '../../core/schedule.ts'
import { RedisSchedule } from './schedule.ts'
import { SCHEDULED_STREAMS_KEY, scheduleIdempotencyKey, scheduleKeys, TICKS_KEY } from './schedule-keys.ts'
import { addScript } from './schedule-scripts.ts'

const HOUR_MS = 3_600_000
/** Due at once, and so by now. */
const PAST = { dueAt: 1_000_000_000_000 }

const { server, admin } = useRedis()
const proxy = useProxy(server)
const schedule = useEach(
  () => RedisSchedule.open({ url: proxy.url('redis'), commandTimeoutMs: 1_000 }),
  (it) => it.close(),
)
let stream: string
let streams = 0

beforeEach(() => {
  stream = `schedule:${streams++}`
})

const entry = (value: string, more: Partial<NewScheduledEntry> = PAST): NewScheduledEntry => ({
  fields: ['field', value],
  ...more,
})

const codes = (results: readonly (string | MillraceError)[]) =>
  results.map((result) => (typeof result === 'string' ? 'waits' : result.code))

const rows = (name = stream) => admin.send<[position: string, fields: string[]][]>(['XRANGE', name, '-', '+'])
const values = async (name = stream) => (await rows(name)).map(([, fields]) => fields[1])
const serverTime = async () => Number((await admin.send<[string]>(['TIME']))[0]) * 1_000

/** Moves step by step until nothing is due any more, and answers the size of each step. */
async function moveAll(name = stream): Promise<number[]> {
  const steps: number[] = []
  for (;;) {
    const { moved, untilNextMs } = await schedule.move(name)
    if (moved > 0) steps.push(moved)
    if (untilNextMs === Infinity || untilNextMs > 1_000) return steps
  }
}

async function listAll(limit: number): Promise<WaitingEntry[]> {
  const all: WaitingEntry[] = []
  for (let after: string | undefined; ;) {
    const page = await schedule.list(stream, { limit, ...(after === undefined ? {} : { after }) })
    all.push(...page.entries)
    if (page.next === undefined) return all
    after = page.next
  }
}

describe('an entry that waits', () => {
  test.each(['plain', 'a{b}c', '{x}', '}{', 'a b:ü'])(
    'enters the stream %j as it was given',
    async (name) => {
      const fields = ['a\0b', '', '', 'ü\u{1F600}\r\n$3', '__proto__', 'x'.repeat(70_000), 'a\0b', 'twice']
      const [id] = await schedule.schedule(`${stream}${name}`, [{ fields, delayMs: 0 }])
      expect(id).toMatch(/^\d{16}$/)
      expect(await moveAll(`${stream}${name}`)).toEqual([1])
      expect((await rows(`${stream}${name}`)).map(([, found]) => found)).toEqual([fields])
      const { due, entries } = scheduleKeys(`${stream}${name}`)
      expect(await admin.send(['EXISTS', due, entries])).toBe(0)
    },
  )

  test('does not enter before its time, and says when that is', async () => {
    const at = (await serverTime()) + HOUR_MS
    await schedule.schedule(stream, [entry('a', { dueAt: at }), entry('b', { delayMs: 2 * HOUR_MS })])
    const { moved, untilNextMs } = await schedule.move(stream)
    expect(moved).toBe(0)
    expect(untilNextMs).toBeGreaterThan(HOUR_MS - 60_000)
    expect(untilNextMs).toBeLessThanOrEqual(HOUR_MS + 1)
    expect(await rows()).toEqual([])
  })

  test('is never before its time by its position, also when it is asked for all the while', async () => {
    const ids = await schedule.schedule(
      stream,
      Array.from({ length: 200 }, (_, number) => entry(String(number), { delayMs: number })),
    )
    const due = new Map((await listAll(1_000)).map(({ id, dueAt }) => [id, dueAt]))
    expect(due.size).toBeGreaterThan(150)
    await until('all of them', async () => {
      await schedule.move(stream)
      return (await admin.send(['XLEN', stream])) === 200
    })
    const early = (await rows()).filter(
      ([position, [, value]]) => positionTime(position) < (due.get(ids[Number(value)] as string) ?? 0),
    )
    expect(early).toEqual([])
  })

  test('comes in the order of due times, then of scheduling', async () => {
    const past = (await serverTime()) - HOUR_MS
    const dues = [5, 1, 3, 1, 5, 1]
    const entries = dues.map((due, number) => entry(`${due}/${number}`, { dueAt: past + due }))
    await schedule.schedule(stream, entries)
    await schedule.schedule(stream, [entry('1/6', { dueAt: past + 1 })])
    await moveAll()
    expect(await values()).toEqual(['1/1', '1/3', '1/5', '1/6', '3/2', '5/0', '5/4'])
  })

  test('is due at once where its time is past or its delay negative', async () => {
    await schedule.schedule(stream, [entry('past', { dueAt: 946_684_800_000 }), entry('b', { delayMs: -5 })])
    await moveAll()
    expect(await values()).toEqual(['past', 'b'])
  })
})

describe('a step', () => {
  test('moves 250 entries at most', async () => {
    const entries = Array.from({ length: 1_001 }, (_, number) => entry(String(number)))
    expect(new Set(await schedule.schedule(stream, entries)).size).toBe(1_001)
    expect(await moveAll()).toEqual([250, 250, 250, 250, 1])
    expect(await values()).toEqual(entries.map((_, number) => String(number)))
  })

  test('moves 1 MB at most, and what is larger alone', async () => {
    const sizes = [400_000, 400_000, 400_000, 1_500_000, 10, 10]
    await schedule.schedule(
      stream,
      sizes.map((size) => entry('x'.repeat(size))),
    )
    expect(await moveAll()).toEqual([2, 1, 1, 2])
    expect((await values()).map((value) => value!.length)).toEqual(sizes)
  })

  test('fails whole where the stream is none, and what waits waits on', async () => {
    await schedule.schedule(stream, [entry('a')])
    await admin.send(['SET', stream, 'text'])
    expect(await failureOf(schedule.move(stream))).toMatchObject({ code: 'UNKNOWN_STREAM' })
    await admin.send(['DEL', stream])
    expect(await moveAll()).toEqual([1])
  })

  test('moves nothing while the memory is full, and loses nothing', async () => {
    await schedule.schedule(stream, [entry('a'), entry('b')])
    await admin.send(['CONFIG', 'SET', 'maxmemory', '1mb'])
    try {
      expect((await failureOf(schedule.move(stream))).message).toContain('OOM')
      const [refused] = await schedule.schedule(stream, [entry('c')])
      expect(refused).toMatchObject({ code: 'REDIS_REFUSED' })
      expect((await schedule.list(stream)).entries).toHaveLength(2)
    } finally {
      await admin.send(['CONFIG', 'SET', 'maxmemory', '0'])
    }
    expect(await moveAll()).toEqual([2])
    expect(await values()).toEqual(['a', 'b'])
  })

  test('names what somebody else has spoilt; it can be cancelled', async () => {
    const ids = (await schedule.schedule(stream, [entry('a'), entry('b'), entry('c')])) as string[]
    await admin.send(['HSET', scheduleKeys(stream).entries, ids[1]!, '\xc1garbage'])
    await until('the moment', async () => (await schedule.move(stream).catch(() => true)) === true)
    const error = await failureOf(schedule.move(stream))
    expect(error.message).toContain(ids[1])
    expect((await schedule.list(stream)).entries.map(({ fields }) => fields)).toEqual([[], ['field', 'c']])
    expect(await schedule.cancel(stream, ids[1]!)).toBe(true)
    await moveAll()
    expect(await values()).toEqual(['a', 'c'])
  })
})

describe('an idempotency key', () => {
  test('answers the first id, before and after the move', async () => {
    const keyed = entry('a', { delayMs: 0, idempotencyKey: 'k' })
    const [first, second] = await schedule.schedule(stream, [keyed, keyed])
    expect(second).toBe(first)
    await moveAll()
    expect(await schedule.schedule(stream, [keyed])).toEqual([first])
    expect(await moveAll()).toEqual([])
    expect(await values()).toEqual(['a'])
  })

  test('is refused for other content and for another time', async () => {
    const key = { idempotencyKey: 'k' }
    await schedule.schedule(stream, [entry('a', { delayMs: HOUR_MS, ...key })])
    const others = [
      entry('b', { delayMs: HOUR_MS, ...key }),
      entry('a', { delayMs: HOUR_MS + 1, ...key }),
      entry('a', { dueAt: Date.now() + HOUR_MS, ...key }),
      entry('a', { delayMs: HOUR_MS }),
    ]
    const conflict = 'IDEMPOTENCY_CONFLICT'
    expect(codes(await schedule.schedule(stream, others))).toEqual([conflict, conflict, conflict, 'waits'])
    expect((await schedule.list(stream)).entries).toHaveLength(2)
  })

  test('is remembered until ten minutes after the entry is due, also when it is cancelled', async () => {
    const keyed = entry('a', { delayMs: HOUR_MS, idempotencyKey: 'k' })
    const [id] = await schedule.schedule(stream, [keyed])
    expect(await schedule.cancel(stream, id as string)).toBe(true)
    const left = await admin.send<number>(['PTTL', scheduleIdempotencyKey(stream, 'k')])
    expect(left).toBeGreaterThan(HOUR_MS + 590_000)
    expect(await schedule.schedule(stream, [keyed])).toEqual([id])
    expect((await schedule.list(stream)).entries).toEqual([])
  })

  test('makes sending again safe when the reply was lost; without one it is uncertain', async () => {
    await schedule.schedule(stream, [entry('first')]) // loads the scripts
    const isAdd = (command: Buffer) => command.includes(scheduleKeys(stream).due)
    const lost = proxy.dropNextReply(isAdd)
    const results = await schedule.schedule(stream, [
      entry('a'),
      entry('b', { delayMs: 0, idempotencyKey: 'k' }),
    ])
    await lost
    expect(codes(results)).toEqual(['PUBLISH_UNCERTAIN', 'waits'])
    await moveAll()
    expect(await values()).toEqual(['first', 'a', 'b'])
  })
})

describe('faults of the connection', () => {
  test('are waited out, where nothing was written', async () => {
    await schedule.schedule(stream, [entry('first')])
    const lost = proxy.dropNextReply((command) => command.includes(SCHEDULED_STREAMS_KEY))
    expect(codes(await schedule.schedule(stream, [entry('a')]))).toEqual(['waits'])
    await lost
    await moveAll()
    expect(await values()).toEqual(['first', 'a'])
  })

  test('that last fail the entries, with nothing written', async () => {
    const cutOff = await RedisSchedule.open({ url: proxy.url('redis'), offlineTimeoutMs: 50 })
    await proxy.stop()
    const away = async () => {
      const error = await failureOf(cutOff.recall(['x']))
      return error.code === 'REDIS_UNAVAILABLE'
    }
    await until('the end of the connection', away)
    expect(codes(await cutOff.schedule(stream, [entry('a')]))).toEqual(['REDIS_UNAVAILABLE'])
    await cutOff.close()
    expect(codes(await cutOff.schedule(stream, [entry('a')]))).toEqual(['CLOSED'])
    expect(await admin.send(['EXISTS', scheduleKeys(stream).due])).toBe(0)
  })
})

describe('cancelling', () => {
  test('says whether the entry was still waiting', async () => {
    const [moved, waiting] = (await schedule.schedule(stream, [
      entry('a'),
      entry('b', { delayMs: HOUR_MS }),
    ])) as string[]
    await moveAll()
    expect(await schedule.cancel(stream, moved!)).toBe(false)
    expect(await schedule.cancel(stream, waiting!)).toBe(true)
    expect(await schedule.cancel(stream, waiting!)).toBe(false)
    expect(await schedule.cancel(stream, 'no such id')).toBe(false)
    expect(await schedule.cancel('never:heard', waiting!)).toBe(false)
  })
})

describe('the list', () => {
  test('has what waits, by due time, with its fields', async () => {
    const at = (await serverTime()) + HOUR_MS
    const ids = await schedule.schedule(stream, [entry('b', { dueAt: at + 1.5 }), entry('a', { dueAt: at })])
    expect(await schedule.list(stream)).toEqual({
      entries: [
        { id: ids[1], dueAt: at, fields: ['field', 'a'] },
        { id: ids[0], dueAt: at + 2, fields: ['field', 'b'] },
      ],
    })
    expect(await schedule.list('never:heard')).toEqual({ entries: [] })
  })

  test('comes in pages, also where many share a time and while entries go', async () => {
    const at = (await serverTime()) + HOUR_MS
    const entries = Array.from({ length: 700 }, (_, number) =>
      entry(String(number), { dueAt: at + Math.floor(number / 300) }),
    )
    const ids = (await schedule.schedule(stream, entries)) as string[]
    expect((await listAll(7)).map(({ id }) => id)).toEqual(ids)
    const page = await schedule.list(stream, { limit: 150 })
    await schedule.cancel(stream, ids[149]!) // the one after which the next page begins
    const next = await schedule.list(stream, { limit: 2, after: page.next! })
    expect(next.entries.map(({ id }) => id)).toEqual([ids[150], ids[151]])
  })

  test('keeps its pages small where entries are large', async () => {
    await schedule.schedule(
      stream,
      Array.from({ length: 5 }, () => entry('x'.repeat(400_000), { delayMs: HOUR_MS })),
    )
    expect((await schedule.list(stream, { limit: 1_000 })).entries).toHaveLength(2)
    expect(await listAll(1_000)).toHaveLength(5)
  })

  test.each([{ limit: 0 }, { limit: 1.5 }, { after: 'x' }, { after: '1:2:3' }])(
    'refuses %j',
    async (page) => {
      expect(await failureOf(schedule.list(stream, page))).toMatchObject({ code: 'CONFIGURATION_INVALID' })
    },
  )
})

describe('impossible entries', () => {
  const dueAt = (value: unknown) => ({ dueAt: value as number })
  const delayMs = (value: unknown) => ({ delayMs: value as number })

  test.each([
    [{}, 'give either'],
    [{ dueAt: Date.now(), delayMs: 1 }, 'give either'],
    [dueAt(Number.NaN), 'NaN'],
    [dueAt(LAST_TIME + 1), '253402300800000'],
    [dueAt(Infinity), 'Infinity'],
    [dueAt('2030-01-01'), '"2030-01-01"'],
    [dueAt(null), 'null'],
    [dueAt(1_790_000_000), 'looks like seconds'],
    [delayMs(Number.NaN), 'NaN'],
    [delayMs(-Infinity), '-Infinity'],
    [delayMs(1e300), '1e+300'],
    [delayMs(LAST_TIME), '253402300799999'],
    [delayMs('5'), '"5"'],
    [delayMs(null), 'null'],
  ])('%j is refused, and the others wait', async (time, word) => {
    const results = await schedule.schedule(stream, [entry('bad', time), entry('good')])
    expect(codes(results)).toEqual(['EVENT_INVALID', 'waits'])
    expect((results[0] as MillraceError).message).toContain(word)
    expect(await moveAll()).toEqual([1])
  })

  test.each([[[]], [['name']], [['name', 5 as never]], [Array.from({ length: 1_002 }, () => 'x')]])(
    'fields that are none are refused: %#',
    async (fields) => {
      expect(codes(await schedule.schedule(stream, [{ fields, delayMs: 0 }]))).toEqual(['EVENT_INVALID'])
    },
  )

  test('500 fields are not too many, nor is the last time there is', async () => {
    const fields = Array.from({ length: 1_000 }, (_, part) => String(part))
    const results = await schedule.schedule(stream, [
      { fields, delayMs: 0 },
      entry('z', { dueAt: LAST_TIME, idempotencyKey: 'k' }),
    ])
    expect(codes(results)).toEqual(['waits', 'waits'])
    expect(await moveAll()).toEqual([1])
    expect((await rows())[0]![1]).toEqual(fields)
    expect((await schedule.list(stream)).entries).toMatchObject([{ dueAt: LAST_TIME }])
  })

  test('a name that holds something else than a stream is refused, with nothing written', async () => {
    await admin.send(['SET', stream, 'text'])
    expect(codes(await schedule.schedule(stream, [entry('a')]))).toEqual(['UNKNOWN_STREAM'])
    expect(await admin.send(['EXISTS', scheduleKeys(stream).due])).toBe(0)
    await expect(schedule.schedule('a\nb', [entry('a')])).rejects.toMatchObject({ code: 'NAME_INVALID' })
  })

  test('a companion that holds something else is an error, with nothing written', async () => {
    await admin.send(['LPUSH', scheduleIdempotencyKey(stream, 'k'), 'x'])
    const [result] = await schedule.schedule(stream, [entry('a', { delayMs: 0, idempotencyKey: 'k' })])
    expect(result).toBeInstanceOf(Error)
    expect(await admin.send(['EXISTS', scheduleKeys(stream).due])).toBe(0)
  })
})

describe('the list of streams', () => {
  const announce = (name: string, at: number) => admin.send(['ZADD', SCHEDULED_STREAMS_KEY, String(at), name])

  test('has each that something waits for, however many', async () => {
    await admin.send(['DEL', SCHEDULED_STREAMS_KEY])
    const names = Array.from({ length: 300 }, (_, number) => `${stream}:${number}`)
    await Promise.all(names.map((name) => schedule.schedule(name, [entry('a')])))
    expect((await schedule.streams()).sort()).toEqual(names.sort())
  })

  test('loses one that nothing waits for, but not while somebody may be about to schedule', async () => {
    const now = await serverTime()
    await announce(stream, now - 110_000)
    await schedule.move(stream)
    expect(await schedule.streams()).toContain(stream)
    await announce(stream, now - 130_000)
    await schedule.move(stream)
    expect(await schedule.streams()).not.toContain(stream)
  })

  test('keeps one that something waits for, however long', async () => {
    await schedule.schedule(stream, [entry('a', { delayMs: HOUR_MS })])
    await announce(stream, 1)
    await schedule.move(stream)
    expect(await schedule.streams()).toContain(stream)
  })

  test('is written before the entry: who comes too late for it has to announce again', async () => {
    const { due, entries } = scheduleKeys(stream)
    const add = (announced: number) => {
      const args = [String(announced), '60000', '0', '0', '', 'in', '0', '2', 'a', 'b']
      return addScript.run(admin, [stream, due, entries], args)
    }
    expect(await add((await serverTime()) - 62_000)).toEqual([])
    expect(await admin.send(['EXISTS', due, entries])).toBe(0)
    expect(await add(await serverTime())).toHaveLength(2)
  })
})

describe('the last ticks', () => {
  test('are remembered, and never go back', async () => {
    await admin.send(['DEL', TICKS_KEY])
    expect(await schedule.recall(['a', 'b'])).toEqual([undefined, undefined])
    await schedule.remember(new Map([['a', 100]]))
    await schedule.remember(
      new Map([
        ['a', 99],
        ['b', 1_790_000_000_000],
      ]),
    )
    expect(await schedule.recall(['b', 'a', 'c'])).toEqual([1_790_000_000_000, 100, undefined])
    expect(await schedule.recall([])).toEqual([])
    await schedule.remember(new Map())
  })

  test('that are none count as unknown', async () => {
    await admin.send(['HSET', TICKS_KEY, 'spoilt', 'x'])
    expect(await schedule.recall(['spoilt'])).toEqual([undefined])
    await schedule.remember(new Map([['spoilt', 5]]))
    expect(await schedule.recall(['spoilt'])).toEqual([5])
  })
})
