import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { failureOf } from '../../test/support/until.ts'
import { decodeEntry } from '../core/codec.ts'
import type { Delivery } from '../core/delivery.ts'
import type { Event } from '../core/event.ts'
import { stream, type Schemas, type StreamDeclaration } from '../core/stream.ts'
import { versioned } from '../core/versioned.ts'
import { dispatch } from './dispatch.ts'
import type { DataOfPattern, HandlerKey, Handlers } from './handlers.ts'

const users = stream('users', {
  'user.created': z.object({ id: z.string(), age: z.coerce.number() }),
  'user.deleted': z.object({ id: z.string() }),
  'user.email.changed': z.object({ email: z.string() }),
  'order.created': z.object({ order: z.number() }),
  plain: z.boolean(),
})
type Users = (typeof users)['schemas']

const delivery = (type: string, data: unknown, headers: Record<string, string> = {}, attempt = 1): Delivery =>
  ({
    event: { id: '1-1', type, time: '', data, headers },
    stream: 'users',
    attempt,
  }) as Partial<Delivery> as Delivery

describe('who takes an event', () => {
  const taken: string[] = []
  const by =
    (name: string) =>
    ({ event }: Delivery) =>
      void taken.push(`${name}:${event.type}`)
  const run = async (handler: ReturnType<typeof dispatch>, type: string, data: unknown) => {
    taken.length = 0
    await handler(delivery(type, data))
    return taken
  }

  const handler = dispatch(users, {
    'user.created': by('exact'),
    'user.*': by('one'),
    'user.>': by('rest'),
    '>': by('all'),
    'legacy.*': by('legacy'),
    '*': by('star'),
  })

  test.each([
    ['its own handler', 'user.created', { id: '1', age: '7' }, 'exact'],
    ['the pattern with more literal tokens', 'user.deleted', { id: '1' }, 'one'],
    ['the pattern that reaches further', 'user.email.changed', { email: 'e' }, 'rest'],
    ['`>`', 'order.created', { order: 1 }, 'all'],
    ['`>` for a type of one token', 'plain', true, 'all'],
    ['a pattern that stands for no declared type, where it is not declared', 'legacy.thing', 1, 'legacy'],
    ['`*`, where it is not declared, whatever its tokens', 'user.renamed', 1, 'star'],
    ['`*` as well', '__proto__', 1, 'star'],
    ['`*` for a name that objects have anyway', 'constructor', 1, 'star'],
  ])('%s', async (_what, type, data, name) => {
    expect(await run(handler, type, data)).toEqual([`${name}:${type}`])
  })

  test('`*` takes a declared type that has no other, with its data checked', async () => {
    const only = dispatch(users, { '*': by('star') })
    expect(await run(only, 'user.deleted', { id: '1' })).toEqual(['star:user.deleted'])
    expect(await failureOf(async () => only(delivery('user.deleted', { id: 1 })))).toMatchObject({
      code: 'EVENT_INVALID',
    })
  })

  test('a declared type is its own, even where its name looks like a pattern', async () => {
    const odd = stream('odd', { 'a.*': z.string(), 'a.b': z.string() })
    const both = dispatch(odd, { 'a.*': by('declared') })
    expect(await run(both, 'a.*', 'x')).toEqual(['declared:a.*'])
    expect(await run(both, 'a.b', 'x')).toEqual([])
  })

  test('nobody: acknowledged, or a dead letter where that is asked for', async () => {
    expect(await run(dispatch(users, {}), 'user.deleted', { id: '1' })).toEqual([])
    const strict = dispatch(users, { 'user.created': by('exact') }, { unhandled: 'dead-letter' })
    for (const type of ['user.deleted', 'user.renamed', '']) {
      const failure = await failureOf(async () => strict(delivery(type, {})))
      expect(failure).toMatchObject({ name: 'Reject' })
      expect(failure.message).toContain(`no handler takes the type "${type}" on "users"`)
    }
  })
})

test('the data of a pattern is that of the declared types which it matches, or unknown', () => {
  type Created = { id: string; age: number }
  expectTypeOf<DataOfPattern<Users, 'user.*'>>().toEqualTypeOf<Created | { id: string }>()
  expectTypeOf<DataOfPattern<Users, 'user.>'>>().toEqualTypeOf<Created | { id: string } | { email: string }>()
  expectTypeOf<DataOfPattern<Users, '*.created'>>().toEqualTypeOf<Created | { order: number }>()
  expectTypeOf<DataOfPattern<Users, '*.*.changed'>>().toEqualTypeOf<{ email: string }>()
  expectTypeOf<DataOfPattern<Users, 'legacy.*'>>().toEqualTypeOf<unknown>()
  dispatch(users, {
    'user.created': ({ event }) => void expectTypeOf(event.data).toEqualTypeOf<Created>(),
    'order.*': ({ event }) => void expectTypeOf(event.data).toEqualTypeOf<{ order: number }>(),
    'legacy.>': ({ event }) => void expectTypeOf(event.data).toEqualTypeOf<unknown>(),
    '*': ({ event }) => void expectTypeOf(event.data).toEqualTypeOf<unknown>(),
  })
  // What stands between a caller and dispatch hands the keys on.
  const consume = <S extends Schemas, K extends HandlerKey<S>>(
    declared: StreamDeclaration<S>,
    by: Handlers<S, K>,
  ) => dispatch(declared, by)
  consume(users, {
    'order.*': ({ event }) => void expectTypeOf(event.data).toEqualTypeOf<{ order: number }>(),
  })
  consume(users, {})
  const declared: Handlers<Users> = { 'user.deleted': ({ event }) => void event.data.id }
  dispatch(users, declared)
  // @ts-expect-error -- a type that the stream does not declare
  dispatch(users, { 'user.renamed': () => {} })
})

test.each([
  ['as it was decoded', (it: Event) => it],
  ['that a middleware made', (it: Event) => ({ ...it, time: it.time })],
])('an event %s, that is run twice, is checked as it was written each time', async (_what, made) => {
  const schema = z.string().transform(Number).default(0)
  const numbers = stream('numbers', {
    n: versioned({ 1: z.string(), 2: schema }, { 1: (text) => `${text}0` }),
  })
  const seen: unknown[] = []
  const handler = dispatch(numbers, { n: ({ event }) => void seen.push(event.data) })
  const event = made(decodeEntry('numbers', { position: '1-1', fields: ['type', 'n', 'data', '"5"'] }))
  const run = { ...delivery('n', ''), event }
  await handler(run)
  await handler(run)
  expect(seen).toEqual([50, 50])
})

test.each([
  ['handlers that are none', { 'user.created': 'mail' }, {}, 'handlers.user.created'],
  ['a wrong pattern', { 'user.>.x': () => {} }, {}, 'user.>.x'],
  ['a wildcard within a token', { 'us*': () => {} }, {}, 'a wildcard is a token of its own'],
  ['a policy that is none', {}, { unhandled: 'ignore' }, 'unhandled'],
])('refuses %s', async (_what, handlers, options, words) => {
  const failure = await failureOf(() => dispatch(users, handlers as never, options as never))
  expect(failure).toMatchObject({ code: 'CONFIGURATION_INVALID' })
  expect(failure.message).toContain(words)
})

describe('the data of old and new versions', () => {
  const seen: unknown[] = []
  const people = stream('people', {
    named: versioned(
      {
        1: z.object({ name: z.string() }),
        2: z.object({ first: z.string(), last: z.string().default('?') }),
      },
      { 1: ({ name }) => ({ first: name }) },
    ),
    plain: z.string(),
  })
  const handler = dispatch(people, { '*': ({ event }) => void seen.push(event.data) })

  test('an old event is brought to the newest before the handler sees it', async () => {
    seen.length = 0
    await handler(delivery('named', { name: 'Ada' }))
    await handler(delivery('named', { first: 'Ada', last: 'L' }, { dataversion: '2' }))
    expect(seen).toEqual([
      { first: 'Ada', last: '?' },
      { first: 'Ada', last: 'L' },
    ])
  })

  test.each(['named', 'plain'])(
    'a newer one of %s is retried, longer each time, and not rejected',
    async (type) => {
      const failures = [1, 2, 20].map((attempt) =>
        failureOf(async () => handler(delivery(type, 'x', { dataversion: '3' }, attempt))),
      )
      const [first, second, late] = await Promise.all(failures)
      expect(first).toMatchObject({ code: 'VERSION_UNKNOWN', delayMs: 30_000 })
      expect([second, late]).toMatchObject([{ delayMs: 60_000 }, { delayMs: 600_000 }])
      expect(first!.message).toContain(`${type} is of version 3, and the newest that is known here is`)
    },
  )
})
