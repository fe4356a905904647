import { expect, test } from 'vitest'
import { LONGEST_TIMER_MS, requireCounts } from './require-counts.ts'

test('whole numbers from 1 on are taken, whatever stands beside them', () => {
  const values = { a: 1, b: Number.MAX_SAFE_INTEGER, other: 0 }
  expect(() => requireCounts('no', values, ['a', 'b'])).not.toThrow()
})

test.each([0, -1, 1.5, NaN, Infinity, '3', null, undefined, {}, [2]])('%j is refused', (value) => {
  const message = `must be a whole number from 1 on, not ${String(value)}`
  expect(() => requireCounts('it can not run', { a: 1, b: value as number }, ['a', 'b'])).toThrow(
    expect.objectContaining({ code: 'CONFIGURATION_INVALID', issues: [{ path: 'b', message }] }),
  )
})

test('a delay that no timer can wait for is refused, since it would be over at once', () => {
  const times = { a: LONGEST_TIMER_MS, b: LONGEST_TIMER_MS + 1 }
  expect(() => requireCounts('it can not run', times, ['a', 'b'], LONGEST_TIMER_MS)).toThrow(
    'it can not run: b: must be a whole number from 1 to 2147483647, not 2147483648',
  )
})

test('each mistake is listed', () => {
  expect(() => requireCounts('it can not run', { a: 0, b: 0.5 }, ['a', 'b'])).toThrow(
    'it can not run: a: must be a whole number from 1 on, not 0; b: must be a whole number from 1 on, not 0.5',
  )
})
