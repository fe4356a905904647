import { expect, test } from 'vitest'
import type { Judged } from './conditions.ts'
import { asMiddleware, asPublishMiddleware, step } from './steps.ts'
import { TestDelivery } from '../../middleware/test-delivery.ts'

const event = (data: unknown, more: Partial<Judged> = {}): Judged => ({
  type: 'user.created',
  data,
  headers: { tenant: 'acme' },
  ...more,
})
const run = (configured: object, judged: Judged) => step.parse(configured)(judged)
const issuesOf = (configured: object) =>
  step.safeParse(configured).error!.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)

test.each<[string, object, boolean]>([
  ['a type', { types: ['user.created'] }, true],
  ['another type', { types: ['user.deleted'] }, false],
  ['a pattern', { types: ['order.>', 'user.*'] }, true],
  ['a header', { headers: { tenant: 'acme' } }, true],
  ['one of several values', { headers: { tenant: ['other', 'acme'] } }, true],
  ['another header', { headers: { tenant: 'other' } }, false],
  ['a header that everybody has', { headers: { toString: 'x' } }, false],
  ['an equal value', { where: { path: 'user.level', equals: 3 } }, true],
  ['equal to the text of it', { where: { path: 'user.level', equals: '3' } }, false],
  ['null', { where: { path: 'user.gone', equals: null } }, true],
  ['one of a list', { where: { path: 'user.level', in: [1, 3] } }, true],
  ['something that is there', { where: { path: 'user.gone', exists: true } }, true],
  ['something that is not', { where: { path: 'user.age', exists: true } }, false],
  ['something that must not be', { where: { path: 'user.age', exists: false } }, true],
  ['what every object has', { where: { path: 'user.constructor', exists: true } }, false],
  ['a number that is large enough', { where: { path: 'user.level', atLeast: 3 } }, true],
  ['a number that is not', { where: { path: 'user.level', below: 3 } }, false],
  ['a text that is no number', { where: { path: 'user.name', atLeast: 0 } }, false],
  ['an item of a list', { where: { path: 'list.1', equals: 'b' } }, true],
  ['a path through a text', { where: { path: 'user.name.length', exists: true } }, false],
  [
    'all of several',
    {
      types: ['user.>'],
      where: [
        { path: 'user.level', in: [3] },
        { path: 'x', exists: false },
      ],
    },
    true,
  ],
  [
    'not all of several',
    {
      types: ['user.>'],
      where: [
        { path: 'user.level', in: [3] },
        { path: 'x', exists: true },
      ],
    },
    false,
  ],
])('a filter for %s', (_, filter, passes) => {
  const data = { user: { level: 3, name: 'ada', gone: null }, list: ['a', 'b'] }
  expect(run({ filter }, event(data))).toBe(passes)
})

test.each<[string, object, unknown]>([
  ['pick', { pick: ['a.b', 'missing', 'list'] }, { a: { b: 1 }, list: [1] }],
  ['drop', { drop: ['a.b', 'list', 'missing.x'] }, { a: { c: 2 }, text: 't' }],
  [
    'rename',
    { rename: { 'a.b': 'moved.here', text: 'words' } },
    { a: { c: 2 }, list: [1], moved: { here: 1 }, words: 't' },
  ],
  [
    'set',
    { set: { 'a.d': null, 'text.x': true } },
    { a: { b: 1, c: 2, d: null }, text: { x: true }, list: [1] },
  ],
  [
    'all in their order',
    { pick: ['a'], drop: ['a.c'], rename: { a: 'z' }, set: { 'z.n': [1] } },
    { z: { b: 1, n: [1] } },
  ],
])('a map that says %s', (_, map, wanted) => {
  const data = { a: { b: 1, c: 2 }, text: 't', list: [1] }
  const before = structuredClone(data)
  expect(run({ map }, event(data))).toEqual({ data: wanted })
  expect(data).toEqual(before)
})

test('a map can change the type, and leaves data alone that is no object', () => {
  expect(run({ map: { type: 'user.known', drop: ['a'] } }, event([1]))).toEqual({ type: 'user.known' })
})

test('a member named __proto__ is a member, and nothing else becomes one', () => {
  const data: unknown = JSON.parse('{"__proto__":{"admin":true},"a":1}')
  const changed = run({ map: { set: { 'b.__proto__.c': 1 }, drop: ['a'] } }, event(data)) as { data: object }
  expect(JSON.stringify(changed.data)).toBe('{"__proto__":{"admin":true},"b":{"__proto__":{"c":1}}}')
  expect(({} as { admin?: unknown }).admin).toBeUndefined()
})

test('redact hides what stands at paths', () => {
  const data = { user: { email: 'a@b.c' }, cards: [{ number: 1 }] }
  expect(run({ redact: ['user.email', 'cards.*.number'] }, event(data))).toEqual({
    data: { user: { email: '****' }, cards: [{ number: '****' }] },
  })
})

test.each<[string, object, string[]]>([
  ['nothing', {}, [': must have one of filter, redact, map']],
  ['two things', { redact: ['a'], map: { type: 'x' } }, [': must have one of filter, redact, map']],
  ['a filter for nothing', { filter: {} }, ['filter: needs one of types, headers, where']],
  [
    'a condition without a test',
    { filter: { where: { path: 'a' } } },
    ['filter.where.0: needs one of equals, in, exists, atLeast, below'],
  ],
  [
    'a wrong pattern',
    { filter: { types: ['us*'] } },
    [
      'filter.types: the pattern "us*" has the token "us*", and a wildcard is a token of its own; patterns look like "user.*", "user.>" or "*.created"',
    ],
  ],
  [
    'a path to nowhere',
    { redact: ['a..b'] },
    ['redact.0: "a..b" is no path such as "user.email" or "items.*.card"'],
  ],
  ['a map of nothing', { map: {} }, ['map: needs one of pick, drop, rename, set, type']],
  [
    'wrong paths',
    { map: { drop: [''], rename: { 'a.': 'b' } } },
    ['map.drop.0: must be a path such as "user.email"', 'map.rename.a.: must be a path such as "user.email"'],
  ],
])('%s is a mistake', (_, configured, wanted) => {
  expect(issuesOf(configured)).toEqual(wanted)
})

test('both ways through a pipeline do the same', async () => {
  const only = step.parse({ filter: { types: ['user.created'] } })
  const typed = step.parse({ map: { type: 'user.known' } })
  const seen: string[] = []
  const way = (type: string) =>
    asMiddleware(only)(asMiddleware(typed)(({ event }) => void seen.push(event.type)))(
      new TestDelivery({ type }),
    )
  await way('user.created')
  await way('user.deleted')
  expect(seen).toEqual(['user.known'])
  const context = { stream: 'a', seal: async () => ({ type: '', data: 0 }) }
  expect(asPublishMiddleware(only)({ type: 'user.created', data: 1 }, context)).toEqual({
    type: 'user.created',
    data: 1,
  })
  expect(asPublishMiddleware(only)({ type: 'user.deleted', data: 1 }, context)).toBeUndefined()
  expect(asPublishMiddleware(typed)({ type: 'user.created', data: 1, key: 'k' }, context)).toEqual({
    type: 'user.known',
    data: 1,
    key: 'k',
  })
})
