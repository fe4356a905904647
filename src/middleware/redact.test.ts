import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { failureOf } from '../../test/support/until.ts'
import type { PublishContext } from '../core/pipeline.ts'
import { parsePaths, replaceAt } from './paths.ts'
import { redact, redactPublished } from './redact.ts'
import { TestDelivery } from './test-delivery.ts'

const CONTEXT: PublishContext = { stream: 's', seal: (event, close) => close(event) }
const published = (paths: string[], data: unknown) =>
  (redactPublished(paths)({ type: 't', data }, CONTEXT) as { data: unknown }).data

describe('redacting', () => {
  test.each<[string[], unknown, unknown]>([
    [
      ['user.email'],
      { user: { email: 'a@b', id: 1 }, email: 'x' },
      { user: { email: '****', id: 1 }, email: 'x' },
    ],
    [
      ['cards.*.number'],
      { cards: [{ number: 1, n: 2 }, { n: 3 }] },
      { cards: [{ number: '****', n: 2 }, { n: 3 }] },
    ],
    [['*.pin'], { a: { pin: 1 }, b: { pin: [2] }, c: 3 }, { a: { pin: '****' }, b: { pin: '****' }, c: 3 }],
    [['items.1'], { items: ['a', 'b', 'c'] }, { items: ['a', '****', 'c'] }],
    [['*'], { a: 1, b: { c: 2 } }, { a: '****', b: '****' }],
    [['a.b', 'a'], { a: { b: 1, c: 2 } }, { a: '****' }],
    [['a.*', 'a.b.c'], { a: { b: { c: 1, d: 2 } } }, { a: { b: '****' } }],
    [['a.*.x', 'a.b.y'], { a: { b: { x: 1, y: 2, z: 3 } } }, { a: { b: { x: '****', y: '****', z: 3 } } }],
    [['a.b.c'], { a: { b: null } }, { a: { b: null } }],
    [['a.b'], { a: 'text' }, { a: 'text' }],
    [['a'], 'text', 'text'],
    [['a'], null, null],
    [['length', '0'], ['x'], ['****']],
  ])('%j of %j', (paths, data, expected) => {
    const before = structuredClone(data)
    expect(published(paths, data)).toEqual(expected)
    expect(data).toEqual(before)
  })

  test('sees own members alone, whatever they are called', () => {
    const data = JSON.parse('{"__proto__":{"pin":1},"constructor":{"pin":2},"a":3}') as unknown
    const shown = JSON.stringify(published(['__proto__.pin', 'constructor.pin', 'toString.pin'], data))
    expect(shown).toBe('{"__proto__":{"pin":"****"},"constructor":{"pin":"****"},"a":3}')
    expect(({} as Record<string, unknown>)['pin']).toBeUndefined()
    expect(published(['hasOwnProperty.name'], { a: 1 })).toEqual({ a: 1 })
  })

  test('sees what an object is written as', () => {
    const user = { secret: 'x', toJSON: (key: string) => ({ email: 'a@b', key }) }
    expect(JSON.parse(JSON.stringify(published(['user.email'], { user })))).toEqual({
      user: { email: '****', key: 'user' },
    })
    const self: object = { email: 'a@b', toJSON: () => self }
    expect(JSON.stringify(published(['email'], self))).toBe('{"email":"****"}')
    expect(JSON.stringify(published(['at.x'], { at: new Date(0) }))).toBe('{"at":"1970-01-01T00:00:00.000Z"}')
  })

  test('ends, in circles as well', () => {
    const circle: Record<string, unknown> = { pin: 1 }
    circle['self'] = circle
    expect((published(['self.self.pin'], circle) as typeof circle)['pin']).toBe(1)
  })

  test('hides from the handler what the entry keeps', async () => {
    const delivery = new TestDelivery({ data: { user: { email: 'a@b' } } })
    let seen: unknown
    await redact(['user.email'], { replacement: null })(({ event }) => void (seen = event.data))(delivery)
    expect(seen).toEqual({ user: { email: null } })
    expect(delivery.event.data).toEqual({ user: { email: 'a@b' } })
  })

  test.each([
    [[]],
    [['']],
    [['a..b']],
    [['.a']],
    [[5]],
    ['user.email'],
    [undefined],
    [['a.'.repeat(200) + 'b']],
  ])('refuses the paths %j', async (paths) => {
    expect(await failureOf(() => redact(paths as never))).toMatchObject({ code: 'CONFIGURATION_INVALID' })
    expect(await failureOf(() => redactPublished(paths as never))).toMatchObject({
      code: 'CONFIGURATION_INVALID',
    })
  })
})

describe('replacing at paths', () => {
  const name = fc.constantFrom('a', 'b', '0', '__proto__', 'length')
  const path = fc.array(fc.oneof(name, fc.constant('*')), { minLength: 1, maxLength: 3 })

  test('replaces exactly what the definition says', () => {
    const data = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.integer(),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(name, tie('value'), { maxKeys: 4 }),
      ),
    })).value
    fc.assert(
      fc.property(data, fc.array(path, { minLength: 1, maxLength: 3 }), (value, paths) => {
        const json = JSON.stringify(value)
        const tree = parsePaths(paths.map((names) => names.join('.')))
        expect(JSON.stringify(replaceAt(value, tree, () => '#'))).toBe(
          JSON.stringify(byDefinition(value, paths, [])),
        )
        expect(JSON.stringify(value)).toBe(json)
      }),
      { numRuns: 2_000 },
    )
  })

  test('looks at each member once, however many wildcards lead there', () => {
    let looks = 0
    const counted = (depth: number): object =>
      new Proxy(depth === 0 ? { x: 1 } : { l: counted(depth - 1), r: counted(depth - 1) }, {
        ownKeys: (target) => {
          looks++
          return Reflect.ownKeys(target)
        },
      })
    const paths = Array.from({ length: 50 }, (_, n) => `${'*.'.repeat(9)}${n}.y`)
    replaceAt(counted(8), parsePaths(paths), () => '#')
    expect(looks).toBe(2 ** 9 - 1)
  })
})

function byDefinition(value: unknown, paths: readonly string[][], at: readonly string[]): unknown {
  const leads = (names: readonly string[]) =>
    names.length === at.length && names.every((name, index) => name === '*' || name === at[index])
  if (paths.some(leads)) return '#'
  if (Array.isArray(value))
    return value.map((item, index) => byDefinition(item, paths, [...at, String(index)]))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, byDefinition(member, paths, [...at, name])]),
  )
}
