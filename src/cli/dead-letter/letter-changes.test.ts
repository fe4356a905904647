import { describe, expect, it } from 'vitest'
import { changesOf, toLine } from './letter-changes.ts'

const lines = (from: unknown, to: unknown) => changesOf(from, to).map(toLine)

describe('what an edit changed', () => {
  it.each([
    [{ a: 1 }, { a: 1 }, []],
    [{ a: 1, b: { c: 'x' } }, { a: 1, b: { c: 'y' } }, ['b.c: "x" -> "y"']],
    [{ a: 1 }, { b: 1 }, ['a: 1 -> (nothing)', 'b: (nothing) -> 1']],
    [{ list: [1, 2] }, { list: [1, 3, 4] }, ['list[1]: 2 -> 3', 'list[2]: (nothing) -> 4']],
    [{ a: [1] }, { a: { 0: 1 } }, ['a: [1] -> {"0":1}']],
    [null, { a: 1 }, ['data: null -> {"a":1}']],
    ['text', 7, ['data: "text" -> 7']],
    [JSON.parse('{"__proto__":1}'), {}, ['__proto__: 1 -> (nothing)']],
  ])('from %j to %j', (from, to, expected) => expect(lines(from, to)).toEqual(expected))
})
