import { expect, test } from 'vitest'
import { networkList } from './networks.ts'

test('addresses and networks of both families are found', () => {
  const list = networkList(['10.0.0.0/8', '192.0.2.7', 'fd00::/8', '::1'])
  for (const address of ['10.1.2.3', '192.0.2.7']) expect(list.check(address, 'ipv4')).toBe(true)
  for (const address of ['fd12::1', '::1']) expect(list.check(address, 'ipv6')).toBe(true)
  expect([list.check('192.0.2.8', 'ipv4'), list.check('fe80::1', 'ipv6')]).toEqual([false, false])
})

test.each(['10.0.0.0/', '10.0.0.0/8/x', '10.0.0.0/0x8', '10.0.0.0/33', '::/129', 'example.com', ''])(
  'what is no network lets nothing in: %j',
  (network) => expect(() => networkList([network])).toThrow(/prefix|socket address/),
)
