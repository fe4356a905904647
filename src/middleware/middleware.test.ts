import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { failureOf } from '../../test/support/until.ts'
import type { Delivery, Middleware } from '../core/delivery.ts'
import { decodeEntry } from '../core/codec.ts'
import type { Event } from '../core/event.ts'
import { compose } from '../core/pipeline.ts'
import type { Log } from '../core/service.ts'
import { filter } from './filter.ts'
import { log } from './log.ts'
import { map } from './map.ts'
import { route } from './route.ts'
import { split } from './split.ts'
import { TestDelivery } from './test-delivery.ts'
import { validate } from './validate.ts'

/** What a handler behind the middleware sees of an event. */
async function seenBehind(middleware: Middleware, event: Partial<Event>): Promise<Event[]> {
  const seen: Event[] = []
  await middleware(({ event: it }) => void seen.push(it))(new TestDelivery(event))
  return seen
}

describe('map', () => {
  test('changes what it says, and leaves the rest as it is', async () => {
    const rename = map<{ name: string }>(async ({ data }) => ({ type: 'user.named', data: data.name }))
    const [seen] = await seenBehind(rename, { data: { name: 'Ada' }, key: 'k', headers: { a: 'b' } })
    expect(seen).toMatchObject({
      id: '1-1',
      type: 'user.named',
      time: '2026-01-28T10:00:00.000Z',
      data: 'Ada',
      key: 'k',
      headers: { a: 'b' },
    })
  })

  test('keeps the time of an event that works it out when it is asked', async () => {
    const entry = { position: '1700000000000-3', fields: ['type', 't', 'data', '1'] }
    const decoded = decodeEntry('stream', entry)
    const [seen] = await seenBehind(
      map(() => ({ data: 2 })),
      decoded,
    )
    expect(JSON.parse(JSON.stringify(seen))).toMatchObject({ data: 2, time: '2026-01-28T10:00:00.000Z' })
    let behind: Event | undefined
    const delivery = Object.assign(new TestDelivery({}), { event: decoded })
    await map(() => ({ data: 2 }))(({ event }) => void (behind = event))(delivery)
    expect(JSON.parse(JSON.stringify(behind))).toEqual({ ...JSON.parse(JSON.stringify(decoded)), data: 2 })
  })

  test('never touches the delivery it was given, and passes on all it offers', async () => {
    const delivery = new TestDelivery({ data: 1 })
    let seen: Delivery | undefined
    const twice = compose(
      map(({ data }) => ({ data: Number(data) + 1 })),
      map(({ data }) => ({ data: Number(data) * 10 })),
    )
    await twice((it) => {
      seen = it
      it.produce('other', [])
    })(delivery)
    expect([seen!.event.data, delivery.event.data]).toEqual([20, 1])
    expect(seen!.signal).toBe(delivery.signal)
    expect(delivery.produced).toEqual(['other'])
    const { stream, group, position, attempt, entry } = seen!
    expect({ stream, group, position, attempt, entry }).toEqual({
      stream: 'stream',
      group: 'group',
      position: '1-1',
      attempt: 1,
      entry: delivery.entry,
    })
  })

  test('fails the attempt where it throws', async () => {
    const thrown = new Error('no')
    const failing = map(() => {
      throw thrown
    })
    expect(await failureOf(seenBehind(failing, {}))).toBe(thrown)
  })
})

test('filter lets through what matches, and the rest ends well', async () => {
  const even = filter<number>(async ({ event }) => event.data % 2 === 0)
  expect(await seenBehind(even, { data: 1 })).toEqual([])
  expect(await seenBehind(even, { data: 2 })).toHaveLength(1)
})

describe('split', () => {
  const items = split<number[]>(({ data }) => data.map((item) => ({ type: 'item', data: item })))

  test('calls the handler for each part, one after the other', async () => {
    const steps: string[] = []
    await items(async ({ event }) => {
      steps.push(`start ${String(event.data)}`)
      await Promise.resolve()
      steps.push(`end ${String(event.data)}`)
    })(new TestDelivery({ data: [1, 2] }))
    expect(steps).toEqual(['start 1', 'end 1', 'start 2', 'end 2'])
  })

  test('ends at the part that fails', async () => {
    const handler = vi.fn(({ event }: Delivery) => {
      if (event.data === 2) throw new Error('two')
    })
    expect((await failureOf(async () => items(handler)(new TestDelivery({ data: [1, 2, 3] })))).message).toBe(
      'two',
    )
    expect(handler).toHaveBeenCalledTimes(2)
  })

  test('into nothing is an end as well', async () => {
    expect(await seenBehind(items, { data: [] })).toEqual([])
  })
})

describe('validate', () => {
  const schema = z.object({ n: z.coerce.number() })

  test('hands on what the schema makes of the data', async () => {
    expect((await seenBehind(validate(schema), { data: { n: '5' } }))[0]!.data).toEqual({ n: 5 })
  })

  test('by type and by pattern, and leaves the rest alone', async () => {
    const some = validate({ 'user.*': schema, 'user.deleted': z.string() })
    expect((await seenBehind(some, { data: { n: '5' } }))[0]!.data).toEqual({ n: 5 })
    expect((await seenBehind(some, { type: 'user.deleted', data: 'x' }))[0]!.data).toBe('x')
    expect((await seenBehind(some, { type: 'other', data: [1] }))[0]!.data).toEqual([1])
  })

  test('rejects what does not fit, and what a schema throws at', async () => {
    const broken = schema.transform(() => {
      throw new Error('broken schema')
    })
    expect(await failureOf(seenBehind(validate(schema), { data: {} }))).toMatchObject({
      code: 'EVENT_INVALID',
      issues: [{ path: 'data.n' }],
    })
    expect(await failureOf(seenBehind(validate(broken), { data: { n: 1 } }))).toMatchObject({
      code: 'EVENT_INVALID',
      message: 'the schema of user.created failed: broken schema',
    })
  })

  test('refuses what checks nothing', () => {
    for (const wrong of [{ a: {} }, { a: undefined }, { 'a.>.b': schema }])
      expect(() => validate(wrong as never)).toThrow(
        expect.objectContaining({ code: 'CONFIGURATION_INVALID' }),
      )
  })
})

describe('route', () => {
  test('goes where the type fits best, and on where it fits nowhere', async () => {
    const taken: string[] = []
    const by = (name: string) => () => void taken.push(name)
    const handler = route({ 'user.created': by('exact'), 'user.*': by('one'), 'user.>': by('rest') })(
      by('next'),
    )
    for (const type of ['user.created', 'user.deleted', 'user.a.b', 'order', '__proto__'])
      await handler(new TestDelivery({ type }))
    expect(taken).toEqual(['exact', 'one', 'rest', 'next', 'next'])
  })

  test('refuses handlers and patterns that are none', () => {
    expect(() => route({ a: 'b' as never })).toThrow('handlers.a: must be a function, not string')
    expect(() => route({ 'a..*': () => {} })).toThrow('has an empty token')
  })
})

describe('log', () => {
  const lines: [string, Record<string, unknown>, string][] = []
  const line = (level: string) => (fields: object, message: string) =>
    void lines.push([level, fields as Record<string, unknown>, message])
  const port: Log = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') }

  test('says that a handler starts and ends, with its duration and nothing of the data', async () => {
    lines.length = 0
    await log({ log: port, level: 'info' })(() => {})(new TestDelivery({ data: { secret: 'plain' } }))
    const fields = {
      stream: 'stream',
      group: 'group',
      position: '1-1',
      attempt: 1,
      type: 'user.created',
      id: '1-1',
    }
    expect(lines).toEqual([
      ['info', fields, 'a handler starts'],
      ['info', { ...fields, durationMs: expect.any(Number) }, 'a handler ended'],
    ])
    expect(JSON.stringify(lines)).not.toContain('plain')
  })

  test('says that it failed, whatever was thrown, and throws it', async () => {
    lines.length = 0
    const handler = log({ log: port })(() => {
      throw undefined
    })
    await expect(handler(new TestDelivery({}))).rejects.toBeUndefined()
    expect(lines.map(([level, , message]) => [level, message])).toEqual([
      ['debug', 'a handler starts'],
      ['warn', 'a handler failed'],
    ])
    expect(lines[1]![1]).toMatchObject({ error: expect.any(Error), durationMs: expect.any(Number) })
  })
})
