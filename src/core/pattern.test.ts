import * as fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { compareSpecificity, compilePattern, isPattern } from './pattern.ts'

describe('a pattern', () => {
  test.each([
    ['user.created', ['user.created'], ['user', 'user.created.x', 'user.create', 'xuser.created', '']],
    ['user.*', ['user.created', 'user.'], ['user', 'user.email.changed', 'users.x', 'user..']],
    ['user.>', ['user.created', 'user.email.changed', 'user.'], ['user', 'users.x', '']],
    ['*', ['user', ''], ['user.created', '.']],
    ['>', ['user', 'user.created', '', 'a.b.c.d.e'], []],
    ['*.created', ['user.created'], ['created', 'user.x.created', 'user.deleted']],
    ['*.*.>', ['a.b.c', 'a.b.c.d'], ['a.b', 'a']],
    ['a.*.c', ['a.b.c', 'a..c'], ['a.c', 'a.b.c.d', 'a.b.d']],
  ])('%s', (source, matching, others) => {
    const pattern = compilePattern(source)
    for (const subject of matching) expect([subject, pattern.matches(subject)]).toEqual([subject, true])
    for (const subject of others) expect([subject, pattern.matches(subject)]).toEqual([subject, false])
  })

  test.each([
    ['', 'has an empty token'],
    ['user..x', 'has an empty token'],
    ['.user', 'has an empty token'],
    ['user.', 'has an empty token'],
    ['user.>.x', 'has ">" before its end'],
    ['>.>', 'has ">" before its end'],
    ['us*', 'has the token "us*", and a wildcard is a token of its own'],
    ['user.**', 'has the token "**"'],
    ['user.x>', 'has the token "x>"'],
  ])('%j is refused: it %s', (source, problem) => {
    const compile = () => compilePattern(source)
    expect(compile).toThrow(expect.objectContaining({ code: 'CONFIGURATION_INVALID' }))
    expect(compile).toThrow(`the pattern ${JSON.stringify(source)} ${problem}`)
  })

  test('a name without wildcards is none', () => {
    expect(['user.created', 'user', ''].map(isPattern)).toEqual([false, false, false])
    expect(['user.*', '>', 'us*'].map(isPattern)).toEqual([true, true, true])
  })

  const token = fc.constantFrom('a', 'b', 'ab', '$', '+')
  const source = fc
    .tuple(fc.array(fc.oneof(token, fc.constant('*')), { maxLength: 5 }), fc.boolean())
    .map(([tokens, rest]) => [...tokens, ...(rest || tokens.length === 0 ? ['>'] : [])].join('.'))
  const subject = fc
    .array(fc.oneof(token, fc.constant('')), { maxLength: 7 })
    .map((tokens) => tokens.join('.'))

  test('agrees with the definition, whatever is asked', () => {
    fc.assert(
      fc.property(source, subject, (pattern, text) => {
        expect(compilePattern(pattern).matches(text)).toBe(
          matchesByDefinition(pattern.split('.'), text.split('.')),
        )
      }),
      { numRuns: 5_000 },
    )
  })

  test('of any two that match, the one that says more comes first, and there is one order', () => {
    fc.assert(
      fc.property(source, source, (a, b) => {
        fc.pre(a !== b)
        const order = compareSpecificity(compilePattern(a), compilePattern(b))
        const reverse = compareSpecificity(compilePattern(b), compilePattern(a))
        expect(Math.sign(order)).toBe(-Math.sign(reverse))
      }),
    )
    const sorted = ['>', '*.>', 'a.>', '*.*', '*.b', 'a.*', 'a.*.>', 'a.b.>', 'a.b.*']
    expect(
      sorted
        .toReversed()
        .map(compilePattern)
        .toSorted(compareSpecificity)
        .map(({ source }) => source),
    ).toEqual(['a.b.*', 'a.b.>', 'a.*', '*.b', 'a.*.>', 'a.>', '*.*', '*.>', '>'])
  })

  /*
   * Work and not time is what is counted here: how often the subject is looked at.
   */
  test.each([
    ['*.'.repeat(5_000) + 'x', 'a.'.repeat(5_000) + 'y'],
    ['a.'.repeat(5_000) + '>', 'a.'.repeat(4_999) + 'b'],
    ['*.'.repeat(20) + 'z', '.'.repeat(200_000)],
  ])('of many wildcards looks at its subject once', (source, text) => {
    const pattern = compilePattern(source)
    const lookups = vi.spyOn(String.prototype, 'indexOf')
    const answer = pattern.matches(text)
    const count = lookups.mock.calls.length
    lookups.mockRestore()
    expect(answer).toBe(false)
    // Each goes on from where the one before ended.
    expect(count).toBeLessThanOrEqual(source.split('.').length)
  })
})

function matchesByDefinition(pattern: readonly string[], subject: readonly string[]): boolean {
  const [first, ...rest] = pattern
  if (first === undefined) return subject.length === 0
  if (subject.length === 0) return false
  if (first === '>') return true
  return (first === '*' || first === subject[0]) && matchesByDefinition(rest, subject.slice(1))
}
