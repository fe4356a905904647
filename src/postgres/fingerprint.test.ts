import { expect, it } from 'vitest'
import { fingerprintOf } from './fingerprint.ts'

it('is the same for the same fields, and 128 bits long', () => {
  expect(fingerprintOf(['type', 'a', 'data', '1'])).toBe(fingerprintOf(['type', 'a', 'data', '1']))
  expect(fingerprintOf([])).toMatch(/^[0-9a-f]{32}$/)
})

it('differs wherever a name, a value, a border or the order does', () => {
  const different = [
    ['ab', 'c'],
    ['a', 'bc'],
    ['', 'abc'],
    ['abc', ''],
    ['c', 'ab'],
    ['ab', 'c', '', ''],
    ['1:a', 'bc'],
    ['a', 'b', 'c', 'd'],
    ['c', 'd', 'a', 'b'],
  ]
  expect(new Set(different.map(fingerprintOf)).size).toBe(different.length)
})
