import { assert, integer, json, property } from 'fast-check'
import { expect, it } from 'vitest'
import { isDeeperThan } from './json-depth.ts'

const depthOf = (value: unknown): number =>
  typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0

it('finds the depth of any JSON, as it would be found in what was parsed', () => {
  assert(
    property(json({ maxDepth: 8 }), integer({ min: 0, max: 9 }), (text, levels) => {
      expect(isDeeperThan(levels, text)).toBe(depthOf(JSON.parse(text)) > levels)
    }),
  )
})

it.each([
  [String.raw`["[[[[[\"[[["]`, 1],
  [String.raw`["\\",[[]]]`, 3],
  [String.raw`{"[[":"}}"}`, 1],
  ['[[],[],[]]', 2],
])('respects strings: %s is %i deep', (text, depth) => {
  expect(isDeeperThan(depth, text)).toBe(false)
  expect(isDeeperThan(depth - 1, text)).toBe(true)
})
