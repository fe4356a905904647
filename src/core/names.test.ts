import { array, assert, constantFrom, integer, oneof, property, string } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkName, groupKey } from './names.ts'

const refused = expect.objectContaining({ code: 'NAME_INVALID' })

describe('checkName', () => {
  test.each(['user:events', 'a', '__proto__', '{tag}', '../../etc/passwd', 'ünï 🚂', ' ', 'x'.repeat(256)])(
    'takes %j',
    (name) => {
      expect(() => checkName('stream name', name)).not.toThrow()
    },
  )

  test.each(['\u0000', 'a\nb', 'a\rb', 'a\tb', '\u001b[31m', '\u007f', '\u0085', '\u2028', '\u2029'])(
    'refuses the control characters of %j',
    (name) => {
      expect(() => checkName('stream name', name)).toThrow(refused)
    },
  )

  test.each(['', undefined, null, 1, ['a'], { toString: () => 'a' }])(
    'refuses %j, which is no text',
    (name) => {
      expect(() => checkName('stream name', name)).toThrow(refused)
    },
  )

  test('refuses what is too long, or no valid Unicode', () => {
    expect(() => checkName('group name', 'x'.repeat(257))).toThrow(refused)
    expect(() => checkName('group name', 'half a pair \ud83d')).toThrow(refused)
  })

  test('says what is wrong with which name, and shows nothing that harms a log', () => {
    expect(() => checkName('group name', 'a\nb')).toThrow('group name "a\\nb"')
    expect(() => checkName('event type', 'x'.repeat(300))).toThrow('event type has 300 characters')
  })

  test('takes a text exactly where every unit of it is harmless', () => {
    const troublesome = constantFrom(
      '\0',
      '\n',
      '\x7f',
      '\x9f',
      '\xa0',
      '\u2027',
      '\u2028',
      '\u202a',
      '\ud800',
      '\udc00',
    )
    const text = oneof(
      string({ unit: 'binary' }),
      integer({ min: 250, max: 260 }).map((length) => 'x'.repeat(length)),
      array(oneof(string({ unit: 'binary', maxLength: 1 }), troublesome), { maxLength: 6 }).map((parts) =>
        parts.join(''),
      ),
    )
    assert(
      property(text, (name) => {
        let code: unknown
        try {
          checkName('stream name', name)
        } catch (error) {
          code = (error as { code: string }).code
        }
        expect(code).toBe(isName(name) ? undefined : 'NAME_INVALID')
      }),
      { numRuns: 1_000 },
    )
  })
})

/** The same by looking at each character. */
function isName(text: string): boolean {
  const isHarmless = (character: string) => {
    const code = character.codePointAt(0)!
    const isControl = code < 0x20 || (code >= 0x7f && code <= 0x9f) || code === 0x2028 || code === 0x2029
    return !isControl && !(code >= 0xd800 && code <= 0xdfff)
  }
  return text.length > 0 && text.length <= 256 && [...text].every(isHarmless)
}

test('groupKey tells groups apart whose names contain what separates them', () => {
  const pairs = [
    ['a', 'b'],
    ['a,b', ''],
    ['a","b', 'c'],
    ['a', 'b","c'],
  ] as const
  expect(new Set(pairs.map(([stream, group]) => groupKey(stream, group))).size).toBe(pairs.length)
})
