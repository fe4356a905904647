import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import type { Expectation } from './adapter.ts'

/** The comparisons of the suite for runners that bring none, such as node:test. */
export const compare = (actual: unknown): Expectation => ({
  toBe: (expected) => assert.strictEqual(actual, expected),
  toEqual: (expected) => assert.deepStrictEqual(actual, expected),
  toMatchObject(expected) {
    if (matches(actual, expected)) return
    throw new assert.AssertionError({ message: 'it does not match', actual, expected, operator: 'match' })
  },
  toBeLessThan: (limit) => assert.ok((actual as number) < limit, `${actual} is not less than ${limit}`),
  toBeGreaterThanOrEqual: (least) =>
    assert.ok((actual as number) >= least, `${actual} is less than ${least}`),
})

/** Everything that is expected is there; arrays are of one length. */
function matches(actual: unknown, expected: unknown): boolean {
  if (!isObject(expected)) return isDeepStrictEqual(actual, expected)
  if (!isObject(actual)) return false
  if (Array.isArray(expected) && !(Array.isArray(actual) && actual.length === expected.length)) return false
  return Object.entries(expected).every(([name, value]) => matches(Reflect.get(actual, name), value))
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null
