import { assert, constantFrom, property, string } from 'fast-check'
import { expect, test } from 'vitest'
import { literalPrefix, matchesGlob } from './glob.ts'

test.each([
  ['*', ''],
  ['*', 'anything'],
  ['user:*', 'user:events'],
  ['*:events', 'user:events'],
  ['*e*e*', 'user:events'],
  ['a?c', 'abc'],
  ['a?c', 'a😀c'],
  ['a[b]c', 'a[b]c'],
  ['a\\*', 'a\\x'],
  ['a**b', 'ab'],
  ['', ''],
])('%j matches %j', (glob, text) => expect(matchesGlob(glob, text)).toBe(true))

test.each([
  ['', 'a'],
  ['user:?', 'user:'],
  ['a[b]c', 'abc'],
  ['*:events', 'user:events2'],
  ['User:*', 'user:events'],
  ['a.c', 'abc'],
])('%j does not match %j', (glob, text) => expect(matchesGlob(glob, text)).toBe(false))

test('it says what the regular expression would', () => {
  const letters = string({ unit: constantFrom('a', 'b', '*', '?'), maxLength: 12 })
  const text = string({ unit: constantFrom('a', 'b'), maxLength: 12 })
  assert(
    property(letters, text, (glob, candidate) => {
      const same = new RegExp(`^${glob.replaceAll('?', '.').replaceAll(/\*+/g, '.*')}$`)
      expect(matchesGlob(glob, candidate)).toBe(same.test(candidate))
      expect(!same.test(candidate) || candidate.startsWith(literalPrefix(glob))).toBe(true)
    }),
  )
})

test('a glob that was made to take long does not', () => {
  const before = performance.now()
  expect(matchesGlob(`${'a*'.repeat(2_000)}b`, 'a'.repeat(20_000))).toBe(false)
  expect(performance.now() - before).toBeLessThan(5_000)
})
