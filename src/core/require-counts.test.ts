import { expect, test } from 'vitest'
import { requireCounts } from './require-counts.ts'

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

test('each mistake is listed', () => {
  expect(() => requireCounts('it can not run', { a: 0, b: 0.5 }, ['a', 'b'])).toThrow(
    'it can not run: a: must be a whole number from 1 on, not 0; b: must be a whole number from 1 on, not 0.5',
  )
})
