import { afterEach, beforeEach, describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { failureOf, until } from '../../test/support/until.ts'
import { useRedisServer } from '../../test/support/use-redis.ts'
import type { Delivery } from '../core/delivery.ts'
import type { InvalidError, MillraceError, PublishError } from '../core/errors.ts'
import type { NewEvent } from '../core/event.ts'
import type { Schema } from '../core/schema.ts'
import { stream, type Schemas, type StreamDeclaration } from '../core/stream.ts'
import { MemoryStreamLog } from '../testing/memory-log.ts'
import { Bus } from './bus.ts'
import { connect } from './connect.ts'
import type { TailedEntry } from './tail.ts'

const server = useRedisServer()
let names = 0

const declare = <const S extends Schemas>(schemas: S): StreamDeclaration<S> =>
  stream(`bus:${names++}`, schemas)

const userCreated = z.object({ userId: z.string(), age: z.coerce.number().default(18) })

/** A validator of another making, by the interface that all of them speak. */
const schemaOf = (validate: Schema['~standard']['validate']): Schema => ({
  '~standard': { version: 1, vendor: 'test', validate },
})

describe.each([
  ['memory', async () => new Bus(new MemoryStreamLog())],
  ['Redis', () => connect({ url: server.url })],
])('a bus on %s', (_name, open) => {
  let bus: Bus
  beforeEach(async () => {
    bus = await open()
  })
  afterEach(() => bus.close(1_000))

  const tailAll = async (name: string | StreamDeclaration): Promise<TailedEntry[]> => {
    const all: TailedEntry[] = []
    for await (const one of bus.tail(name, { from: '0', follow: false })) all.push(one)
    return all
  }
  const isEmpty = async (name: string | StreamDeclaration) =>
    (await failureOf(tailAll(name))).code === 'UNKNOWN_STREAM'

  describe('publishes and consumes', () => {
    test('typed events, with what the schema makes of them', async () => {
      const users = declare({ 'user.created': userCreated, 'user.deleted': z.object({ userId: z.string() }) })
      const seen: unknown[] = []
      await bus.consume(
        users,
        { group: 'mailer' },
        {
          'user.created': ({ event }) => {
            expectTypeOf(event.data).toEqualTypeOf<{ userId: string; age: number }>()
            seen.push(event.data)
          },
        },
      )
      const position = await bus.publish(
        users,
        'user.created',
        { userId: '1' },
        { key: '1', idempotencyKey: 'k' },
      )
      expect(
        await bus.publish(users, 'user.created', { userId: '1' }, { key: '1', idempotencyKey: 'k' }),
      ).toBe(position)
      await bus.publish(users, 'user.deleted', { userId: '1' })
      await until('the event', () => seen.length > 0)
      expect(seen).toEqual([{ userId: '1', age: 18 }])
      // @ts-expect-error -- a type that the stream does not declare
      expect(await failureOf(bus.publish(users, 'user.renamed', {}))).toMatchObject({ code: 'EVENT_INVALID' })
      // @ts-expect-error -- data that does not fit
      expect(await failureOf(bus.publish(users, 'user.deleted', {}))).toMatchObject({ code: 'EVENT_INVALID' })
    })

    test('many events in order, with every attribute that is given', async () => {
      const numbers = declare({ number: z.number() })
      const time = '2026-01-28T10:00:00.000Z'
      const positions = await bus.publishMany(numbers, [
        ...Array.from({ length: 600 }, (_, data) => ({ type: 'number' as const, data })),
        { type: 'number', data: 600, id: 'my-id', time, key: 'k', headers: { traceparent: 't' } },
      ])
      const all = await tailAll(numbers)
      expect(all.map(({ position }) => position)).toEqual(positions)
      expect(all.map(({ event }) => event!.data)).toEqual(positions.map((_, number) => number))
      expect(all.at(-1)!.event).toMatchObject({ id: 'my-id', time, key: 'k', headers: { traceparent: 't' } })
      expect(await bus.publishMany(numbers, [])).toEqual([])
    })

    test('in more than one chunk, when there are very many', async () => {
      const numbers = declare({ number: z.number() })
      const events = Array.from({ length: 25_000 }, (_, data) => ({ type: 'number' as const, data }))
      expect(new Set(await bus.publishMany(numbers, events)).size).toBe(25_000)
    })

    test('types that have no handler by `*`, or not at all', async () => {
      const some = declare({ known: z.string(), other: z.string() })
      const [byStar, byName]: [string[], string[]] = [[], []]
      const star = await bus.consume(
        some,
        { group: 'star' },
        { '*': ({ event }) => void byStar.push(event.type) },
      )
      const name = await bus.consume(
        some,
        { group: 'name' },
        { known: ({ event }) => void byName.push(event.type) },
      )
      await bus.publish(some, 'known', 'a')
      await bus.publish(some, 'other', 'b')
      await bus.publishUntyped(some.name, [
        { type: 'undeclared', data: 'c' },
        { type: '__proto__', data: 'd' },
        { type: 'constructor', data: 'e' },
      ])
      await until('all', () => star.status.processed === 5 && name.status.processed === 5)
      expect(byStar).toEqual(['known', 'other', 'undeclared', '__proto__', 'constructor'])
      expect(byName).toEqual(['known'])
    })

    test('with schemas that are asynchronous', async () => {
      const slow = declare({ e: z.string().refine(async (text) => text !== 'bad', 'is bad') })
      const seen: unknown[] = []
      await bus.consume(slow, { group: 'g' }, { e: ({ event }) => void seen.push(event.data) })
      await bus.publish(slow, 'e', 'good')
      const error = (await failureOf(bus.publish(slow, 'e', 'bad'))) as InvalidError
      expect(error).toMatchObject({ code: 'EVENT_INVALID', issues: [{ path: 'data', message: 'is bad' }] })
      await until('it', () => seen.length > 0)
      expect(seen).toEqual(['good'])
    })
  })

  describe('refuses, with nothing written,', () => {
    test('data that does not fit, naming the fields', async () => {
      const users = declare({
        'user.created': z.object({ user: z.object({ email: z.email() }), n: z.number() }),
      })
      const wrong = { user: { email: 'nobody' }, n: 'x' as unknown as number }
      const error = (await failureOf(bus.publish(users, 'user.created', wrong))) as InvalidError
      expect(error.code).toBe('EVENT_INVALID')
      expect(error.issues.map(({ path }) => path)).toEqual(['data.user.email', 'data.n'])
      expect(error.message).toContain('data.user.email')
      expect(await isEmpty(users)).toBe(true)
    })

    test('all of many, when one does not fit', async () => {
      const numbers = declare({ number: z.number() })
      const events = [1, 'two' as unknown as number, 3].map((data) => ({ type: 'number' as const, data }))
      expect(await failureOf(bus.publishMany(numbers, events))).toMatchObject({ code: 'EVENT_INVALID' })
      expect(await isEmpty(numbers)).toBe(true)
    })

    test.each([
      [
        'throws',
        () => {
          throw new Error('broken schema')
        },
      ],
      ['rejects', () => Promise.reject(new Error('broken schema'))],
      [
        'throws nothing',
        () => {
          throw undefined
        },
      ],
    ])('what a schema %s at', async (_what, validate) => {
      const broken = declare({ e: schemaOf(validate) })
      const error = await failureOf(bus.publish(broken, 'e', 1))
      expect(error).toMatchObject({
        code: 'EVENT_INVALID',
        message: expect.stringContaining('the schema of e'),
      })
      expect(await isEmpty(broken)).toBe(true)
    })

    const deep = (levels: number): unknown => {
      let data: unknown = 1
      for (let level = 0; level < levels; level++) data = [data]
      return data
    }
    const circle: { self?: unknown } = {}
    circle.self = circle

    test.each<[string, Partial<NewEvent> & Record<string, unknown>, string]>([
      ['a BigInt', { data: 1n }, 'EVENT_INVALID'],
      ['a circle', { data: circle }, 'EVENT_INVALID'],
      ['20,000 levels', { data: deep(20_000) }, 'EVENT_INVALID'],
      [
        'a toJSON that throws',
        {
          data: {
            toJSON: () => {
              throw new Error('no')
            },
          },
        },
        'EVENT_INVALID',
      ],
      ['more than 1 MiB', { data: 'x'.repeat(1_048_576) }, 'EVENT_TOO_LARGE'],
      ['more than 1 MiB of bytes', { data: '€'.repeat(350_000) }, 'EVENT_TOO_LARGE'],
      [
        '300 headers',
        { headers: Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`h${n}`, ''])) },
        'EVENT_INVALID',
      ],
      ['a header that is no string', { headers: { n: 1 as unknown as string } }, 'EVENT_INVALID'],
      ['a header with a place of its own', { headers: { partitionkey: 'k' } }, 'EVENT_INVALID'],
      ['a control character in the type', { type: 'a\nb' }, 'NAME_INVALID'],
      ['no type', { type: '' }, 'NAME_INVALID'],
      ['a control character in the key', { key: 'a\u0000' }, 'NAME_INVALID'],
      ['a key that is no string', { key: 5 as unknown as string }, 'NAME_INVALID'],
      ['an id that is no string', { id: 5 as unknown as string }, 'NAME_INVALID'],
      ['a time that is a Date', { time: new Date() as unknown as string }, 'EVENT_INVALID'],
      ['a time that is none', { time: 'yesterday' }, 'EVENT_INVALID'],
      ['an empty idempotency key', { idempotencyKey: '' }, 'NAME_INVALID'],
    ])('%s', async (_what, event, code) => {
      const name = `bus:${names++}`
      const events = [
        { type: 'fine', data: 1 },
        { type: 'e', data: 1, ...event },
      ]
      expect(await failureOf(bus.publishUntyped(name, events))).toMatchObject({ code })
      expect(await isEmpty(name)).toBe(true)
    })

    test.each(['', 'a\nb', '\u2028', 'x'.repeat(257), '\ud800'])('the stream name %j', async (name) => {
      expect(await failureOf(bus.publishUntyped(name, [{ type: 'e', data: 1 }]))).toMatchObject({
        code: 'NAME_INVALID',
      })
      expect(() => stream(name, {})).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }))
    })

    test('what an idempotency key was used for before, and writes the rest', async () => {
      const numbers = declare({ number: z.number() })
      await bus.publish(numbers, 'number', 1, { idempotencyKey: 'k' })
      const error = (await failureOf(
        bus.publishMany(numbers, [
          { type: 'number', data: 2 },
          { type: 'number', data: 3, idempotencyKey: 'k' },
          { type: 'number', data: 4 },
        ]),
      )) as PublishError
      expect(error).toMatchObject({ code: 'PUBLISH_FAILED', message: expect.stringContaining('1 of 3') })
      const [second, third, fourth] = error.results
      expect([typeof second, (third as MillraceError).code, typeof fourth]).toEqual([
        'string',
        'IDEMPOTENCY_CONFLICT',
        'string',
      ])
      expect((await tailAll(numbers)).map(({ event }) => event!.data)).toEqual([1, 2, 4])
    })
  })

  test('what does not fit on consumption goes to the dead letters, with the fields at fault', async () => {
    const users = declare({ 'user.created': userCreated })
    let handled = 0
    const worker = await bus.consume(users, { group: 'g' }, { 'user.created': () => void handled++ })
    await bus.publishUntyped(users.name, [
      { type: 'user.created', data: { userId: 5 } },
      { type: 'user.created', data: { userId: '5' } },
    ])
    await until('both', () => worker.status.deadLettered === 1 && worker.status.processed === 1)
    expect(handled).toBe(1)
    await until('the settlement', () => worker.status.held === 0)
  })

  describe('tails', () => {
    test('what comes from now on, until it is told to stop', async () => {
      const numbers = declare({ number: z.number() })
      await bus.publish(numbers, 'number', 0)
      const stop = new AbortController()
      const seen: unknown[] = []
      const tailing = (async () => {
        for await (const { event } of bus.tail(numbers, { signal: stop.signal })) seen.push(event!.data)
      })()
      await until('what is new', async () => {
        await bus.publish(numbers, 'number', 1)
        return seen.length > 0
      })
      stop.abort()
      await tailing
      expect(new Set(seen)).toEqual(new Set([1]))
    })

    test('from a position on, with what can not be decoded marked', async () => {
      const name = `bus:${names++}`
      const [first] = (await bus.publishUntyped(name, [{ type: 'a', data: 1 }])) as [string]
      await bus.publishUntyped(name, [{ type: 'b', data: 2 }])
      const all: TailedEntry[] = []
      for await (const one of bus.tail(name, { from: first, follow: false })) all.push(one)
      expect(all.map(({ event }) => event!.type)).toEqual(['b'])
    })

    test('nothing that does not exist, and from nowhere else', async () => {
      expect(await failureOf(tailAll('bus:missing'))).toMatchObject({ code: 'UNKNOWN_STREAM' })
      const start = bus.tail('bus:missing', { from: 'yesterday' }).next()
      expect(await failureOf(start)).toMatchObject({ code: 'CONFIGURATION_INVALID' })
    })
  })

  describe('closes', () => {
    test('with its workers stopped and twice', async () => {
      const numbers = declare({ number: z.number() })
      const worker = await bus.consume(numbers, { group: 'g' }, {})
      const published = bus.publish(numbers, 'number', 1)
      await Promise.all([bus.close(), bus.close()])
      expect(await published).toMatch(/-/)
      const { lastLoopAt } = worker.status
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect(worker.status.lastLoopAt).toBe(lastLoopAt)
    })

    test('also a worker that is just starting', async () => {
      const consuming = bus.consume(declare({}), { group: 'g' }, {})
      const outcome = consuming.then(
        (worker) => worker.status.held,
        (error: MillraceError) => error.code,
      )
      await bus.close()
      expect([0, 'CLOSED']).toContain(await outcome)
    })
  })
})

test('a handler that is given a delivery sees the types of its event', () => {
  expectTypeOf<Delivery<{ a: string }>['event']['data']>().toEqualTypeOf<{ a: string }>()
})
