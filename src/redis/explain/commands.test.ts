import { execFileSync } from 'node:child_process'
import { assert, property, string } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { command, quote } from './commands.ts'

describe('a command', () => {
  test.each([
    [
      command('group reset', ['user:events', 'mailer'], { to: 'start' }),
      'group reset user:events mailer --to start',
    ],
    [command('stream info', ['a b']), "stream info 'a b'"],
    [command('consumer claim', ['s', 'g'], { from: '-c', to: 'd' }), 'consumer claim s g --from=-c --to d'],
    [command('group delete', ['-s', 'g'], { 'dry-run': true }), 'group delete --dry-run -- -s g'],
  ])('%s', (written, wanted) => expect(written).toBe(`millrace ${wanted}`))
})

describe('a name as a shell reads it', () => {
  const read = (word: string) =>
    execFileSync('bash', ['-c', `printf %s ${quote(word)}`], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C.UTF-8' },
    })

  test.each([
    '',
    'plain',
    "it's",
    '$(id)',
    '`id`',
    'a;b',
    'a"b',
    '\\',
    '*',
    '~',
    'ü',
    'a\nb',
    "\u001b[2J'\\",
  ])('%j', (word) => expect(read(word)).toBe(word))

  test('never leaves its line, and shows no control characters', () => {
    assert(
      property(string({ unit: 'binary' }), (word) => {
        // oxlint-disable-next-line no-control-regex -- they are what must not be there
        expect(quote(word)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/)
      }),
    )
  })
})
