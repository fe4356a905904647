import { constantFrom, sample, string } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { useRedis } from '../../test/support/use-redis.ts'
import { deadLetterKey, groupKeys, idempotencyKey, inletKey, rateKey, seenKey } from './keys.ts'
import { slotOf, slotPrefix } from './slots.ts'

const NAMES = [
  'orders',
  '{orders}',
  'a{b}c',
  '{x}',
  '}{',
  'a{b',
  '{}x',
  'a}b',
  '{}',
  '}',
  '{{}}',
  '{a}{b}',
  'größe:🚂',
  '__proto__',
]

const companionsOf = (stream: string): string[] => {
  const { state, retry, heartbeats, lease } = groupKeys(stream, 'group')
  const inlet = inletKey(stream, 'group')
  const seen = seenKey(stream, 'group', 'an identity {of} any kind')
  const ofGroup = [state, retry, heartbeats, lease, inlet, seen, rateKey(stream, 'group', 1_000)]
  return [...ofGroup, groupKeys(inlet, 'group').state, deadLetterKey(stream), idempotencyKey(stream, 'key')]
}

describe('slots', () => {
  test('are those of Redis Cluster', () => {
    // The check value of CRC16/XMODEM, and the examples of the specification of Redis Cluster.
    expect(slotOf('123456789')).toBe(12_739)
    expect(slotOf('foo')).toBe(12_182)
    expect(slotOf('{user1000}.following')).toBe(slotOf('user1000'))
    expect(slotOf('foo{}{bar}')).not.toBe(slotOf('bar'))
    expect(slotOf('foo{{bar}}zap')).toBe(slotOf('{bar'))
  })

  describe('against a server', () => {
    const { admin } = useRedis({ args: ['--cluster-enabled', 'yes'] })
    const serverSlot = (key: string) => admin.send<number>(['CLUSTER', 'KEYSLOT', key])

    test.each(NAMES)('every companion of %j lives in its slot', async (stream) => {
      const slot = await serverSlot(stream)
      expect(slotOf(stream)).toBe(slot)
      for (const key of companionsOf(stream)) expect([key, await serverSlot(key)]).toEqual([key, slot])
    })

    test('also of names that chance makes', async () => {
      const name = string({ unit: constantFrom('{', '}', 'a', ':', 'ü'), minLength: 1, maxLength: 8 })
      for (const stream of sample(name, { numRuns: 200, seed: 1 })) {
        const keys = [stream, ...companionsOf(stream)]
        const slots = await Promise.all(keys.map(serverSlot))
        expect([stream, new Set(slots).size]).toEqual([stream, 1])
      }
    })
  })
})

describe('companion keys', () => {
  test('of different streams are different', () => {
    const computed = slotPrefix('}{').slice(0, slotPrefix('}{').indexOf('}') + 1)
    const names = [...NAMES, `${computed}}{`, `${computed}:}{`, '{orders}:', '{orders}::', 'orders:']
    const keys = names.flatMap(companionsOf)
    expect(new Set([...names, ...keys]).size).toBe(names.length + keys.length)
  })

  test('of different groups are different, whatever their names', () => {
    const groups = [
      'a',
      'a:retry',
      'a:heartbeats',
      'a%3Aretry',
      'a b',
      'a{b}',
      '}',
      'größe',
      '🚂',
      '__proto__',
    ]
    const keys = groups.flatMap((group) => {
      const { state, retry, heartbeats } = groupKeys('orders', group)
      return [state, retry, heartbeats]
    })
    expect(new Set(keys).size).toBe(keys.length)
    for (const key of keys) expect(slotOf(key)).toBe(slotOf('orders'))
  })
})
