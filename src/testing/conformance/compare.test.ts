import { AssertionError } from 'node:assert'
import { describe, expect, test } from 'vitest'
import { compare } from './compare.ts'

describe('the comparisons of the suite', () => {
  test.each<[what: string, holds: () => void, fails: () => void]>([
    ['toBe', () => compare(1).toBe(1), () => compare('1').toBe(1)],
    ['toEqual', () => compare([{ a: 1 }]).toEqual([{ a: 1 }]), () => compare([1, 2]).toEqual([2, 1])],
    ['toEqual of maps', () => compare(mapOf(1)).toEqual(mapOf(1)), () => compare(mapOf(1)).toEqual(mapOf(2))],
    ['toBeLessThan', () => compare(1).toBeLessThan(2), () => compare(2).toBeLessThan(2)],
    ['toBeLessThan of what is no number', () => {}, () => compare(undefined).toBeLessThan(2)],
    [
      'toBeGreaterThanOrEqual',
      () => compare(2).toBeGreaterThanOrEqual(2),
      () => compare(1).toBeGreaterThanOrEqual(2),
    ],
    [
      'toMatchObject',
      () => compare({ a: 1, b: { c: 2, d: 3 } }).toMatchObject({ b: { c: 2 } }),
      () => compare({ a: 1 }).toMatchObject({ a: 1, b: 2 }),
    ],
    [
      'toMatchObject of arrays',
      () => compare([{ a: 1, b: 2 }]).toMatchObject([{ a: 1 }]),
      () => compare([{ a: 1 }, { a: 1 }]).toMatchObject([{ a: 1 }]),
    ],
    [
      'toMatchObject of some places of an array',
      () => compare(['a', 'b', 'c']).toMatchObject({ 0: 'a', 2: 'c' }),
      () => compare(['a', 'b']).toMatchObject({ 0: 'a', 2: 'c' }),
    ],
    ['toMatchObject of nothing', () => {}, () => compare(undefined).toMatchObject({ a: 1 })],
  ])('%s holds where it should, and fails where it should', (_what, holds, fails) => {
    expect(holds).not.toThrow()
    expect(fails).toThrow(AssertionError)
  })
})

const mapOf = (value: number) => new Map([['a', value]])
