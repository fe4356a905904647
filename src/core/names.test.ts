import { describe, expect, test } from 'vitest'
import { checkName } from './names.ts'

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
})
