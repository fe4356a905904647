import * as fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { compareSpecificity, compilePattern } from './pattern.ts'
import { Router } from './router.ts'

describe('a router', () => {
  const router = new Router(
    ['>', 'user.>', 'user.*', '*.created', 'user.created', 'user.*.changed', '__proto__'].map((name) => [
      name,
      name,
    ]),
  )

  test.each([
    ['user.created', 'user.created'],
    ['user.deleted', 'user.*'],
    ['order.created', '*.created'],
    ['user.email.changed', 'user.*.changed'],
    ['user.email.removed', 'user.>'],
    ['order', '>'],
    ['__proto__', '__proto__'],
    ['constructor', '>'],
  ])('takes %s to %s, each time', (subject, target) => {
    expect([router.find(subject), router.find(subject)]).toEqual([target, target])
  })

  test('finds nothing where nothing fits, each time', () => {
    const narrow = new Router([['user.*', 1]])
    expect([narrow.find('order.x'), narrow.find('order.x'), narrow.find('user.x')]).toEqual([
      undefined,
      undefined,
      1,
    ])
    expect(new Router([]).find('x')).toBeUndefined()
  })

  test('refuses a wrong pattern', () => {
    expect(() => new Router([['a.>.b', 1]])).toThrow(
      expect.objectContaining({ code: 'CONFIGURATION_INVALID' }),
    )
  })

  test('answers the same when subjects are many more than it remembers, and very long', () => {
    const patterns = ['a.*', 'a.>', '*.b', '*.*.c', '>']
    const many = new Router(patterns.map((source) => [source, source]))
    const sorted = patterns.map(compilePattern).toSorted(compareSpecificity)
    const subject = fc.array(fc.constantFrom('a', 'b', 'c', 'x'.repeat(300)), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(subject, (tokens) => {
        const text = tokens.join('.')
        expect(many.find(text)).toBe(sorted.find((pattern) => pattern.matches(text))?.source)
      }),
    )
  })

  test('remembers no more than so many', () => {
    const router = new Router([['a.*', 1]])
    const set = vi.spyOn(Map.prototype, 'set')
    for (let n = 0; n < 5_000; n++) router.find(`a.${n}`)
    const sizes = set.mock.contexts.map((memory) => (memory as Map<unknown, unknown>).size)
    set.mockRestore()
    expect(sizes.length).toBe(5_000)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1_000)
    expect(router.find('a.0')).toBe(1)
  })
})
