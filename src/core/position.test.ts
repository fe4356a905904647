import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  comparePositions,
  FIRST_POSITION,
  isEntryId,
  isPosition,
  plainPosition,
  positionTime,
} from './position.ts'

const MAX_UINT64 = 2n ** 64n - 1n
const part = fc.oneof(fc.bigInt({ min: 0n, max: 12n }), fc.bigInt({ min: 0n, max: MAX_UINT64 }))
const pair = fc.tuple(part, part)
const toPosition = ([ms, sequence]: [bigint, bigint]) => `${ms}-${sequence}`

describe('comparePositions', () => {
  test('orders as the pairs of numbers do, to the last digit', () => {
    fc.assert(
      fc.property(pair, pair, (a, b) => {
        const difference = a[0] === b[0] ? a[1] - b[1] : a[0] - b[0]
        const expected = difference < 0n ? -1 : difference > 0n ? 1 : 0
        expect(Math.sign(comparePositions(toPosition(a), toPosition(b)))).toBe(expected)
      }),
      { numRuns: 2_000 },
    )
  })

  test('sorts entries of one millisecond by number, not as text', () => {
    const sorted = Array.from({ length: 21 }, (_, sequence) => `1-${sequence}`)
    expect(sorted.toReversed().sort(comparePositions)).toEqual(sorted)
  })

  test('tells numbers apart that floating point does not', () => {
    expect(comparePositions('1-9007199254740992', '1-9007199254740993')).toBeLessThan(0)
  })

  test('puts nothing before the first position', () => {
    fc.assert(
      fc.property(pair, (any) => {
        expect(comparePositions(FIRST_POSITION, toPosition(any))).toBeLessThanOrEqual(0)
      }),
    )
  })
})

describe('isPosition', () => {
  test('knows every position', () => {
    fc.assert(fc.property(pair, (any) => isPosition(toPosition(any))))
    expect(isPosition(FIRST_POSITION)).toBe(true)
  })

  test.each([
    '',
    '0',
    '$',
    '>',
    '1-',
    '-1',
    '1-2-3',
    '1.5-0',
    ' 1-0',
    '1-0\n',
    '१-0',
    '1e3-0',
    `${'1'.repeat(21)}-0`,
  ])('refuses %j', (text) => {
    expect(isPosition(text)).toBe(false)
  })
})

test('positionTime is the milliseconds', () => {
  expect(positionTime('1700000000000-12')).toBe(1_700_000_000_000)
})

describe('an id of an entry', () => {
  test.each(['0-0', '1-1', '18446744073709551615-18446744073709551615', '007-08'])('%s is one', (text) => {
    expect(isEntryId(text)).toBe(true)
  })

  test.each([
    '0-18446744073709551616',
    '18446744073709551616-0',
    '99999999999999999999-0',
    '1',
    '',
    '-',
    7,
    undefined,
  ])('%s is none', (text) => expect(isEntryId(text)).toBe(false))

  test('has one text without zeros before its numbers', () => {
    expect(['007-08', '0-0', '00-000', '10-10'].map(plainPosition)).toEqual(['7-8', '0-0', '0-0', '10-10'])
  })
})
