import { describe, expect, test } from 'vitest'
import type { InvalidError } from '../../core/errors.ts'
import type { RedisOptions } from '../connection.ts'
import { whereabouts } from './access.ts'
import { readAddress } from './address.ts'
import { commandKey } from './command-key.ts'

const SECRET = 'canary-4711'

function failureOf(options: unknown): InvalidError {
  try {
    whereabouts(options as RedisOptions)
  } catch (error) {
    return error as InvalidError
  }
  throw new Error('it was taken')
}

describe('where Redis is', () => {
  test.each<[string, unknown, string[]]>([
    ['nothing', {}, ['']],
    ['two ways', { url: 'redis://a', cluster: { nodes: ['a:1'] } }, ['']],
    ['no node', { cluster: { nodes: [] } }, ['cluster.nodes']],
    ['nodes that are none', { cluster: {} }, ['cluster.nodes']],
    ['URLs as nodes', { cluster: { nodes: ['a:1', `redis://u:${SECRET}@b:2`] } }, ['cluster.nodes.1']],
    [
      'every mistake at once',
      { sentinel: { nodes: ['a', 7, 'b:0'] } },
      ['sentinel.name', 'sentinel.nodes.0', 'sentinel.nodes.1', 'sentinel.nodes.2'],
    ],
  ])('%s: refused, with no secret in the message', (_, options, paths) => {
    const { issues, message } = failureOf(options)
    expect(issues.map(({ path }) => path)).toEqual(paths)
    expect(message).not.toContain(SECRET)
  })

  test('of the Sentinels is who is asked, and the users of both are kept apart', () => {
    const sentinel = { name: 'main', nodes: ['a:1', '[::1]:2'], username: 'asker', password: SECRET }
    const { place, access, shown } = whereabouts({ sentinel, username: 'user', password: 'other', tls: true })
    expect(place).toMatchObject({
      kind: 'sentinel',
      nodes: [
        { host: 'a', port: 1 },
        { host: '::1', port: 2 },
      ],
    })
    expect(place).toMatchObject({ access: { username: 'asker', password: SECRET, tls: true } })
    expect(access).toEqual({ username: 'user', password: 'other', tls: true })
    expect(shown).not.toContain(SECRET)
  })
})

test.each([
  ['a.b-c_d:6379', 'a.b-c_d'],
  ['fe80::1%eth0:6379', 'fe80::1%eth0'],
  ['[2001:db8::1]:6379', '2001:db8::1'],
  ['a:65536', undefined],
  ['u@a:1', undefined],
  ['a:1 ', undefined],
])('the address %s', (text, host) => {
  expect(readAddress(text)?.host).toBe(host)
})

test.each([
  ['XREADGROUP GROUP STREAMS STREAMS COUNT 1 STREAMS mine >', 'mine'],
  ['XREAD BLOCK 10 STREAMS STREAMS 0', 'STREAMS'],
  ['evalsha digest 2 first second argument', 'first'],
  ['XINFO STREAM mine', 'mine'],
  ['XADD mine * a b', 'mine'],
  ['SCAN 0 MATCH x', undefined],
])('the key of %s', (command, key) => {
  expect(commandKey(command.split(' '))).toBe(key)
})
