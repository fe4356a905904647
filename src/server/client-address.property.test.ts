import { array, assert, boolean, constantFrom, ipV4, ipV6, oneof, property, string, tuple } from 'fast-check'
import { BlockList, isIP } from 'node:net'
import { expect, it } from 'vitest'
import { clientAddress, networkOf } from './client-address.ts'

const PROXIES = ['10.0.0.0/8', '2001:db8::/32']
const clients = clientAddress(PROXIES)
const proxy = constantFrom('10.0.0.1', '10.255.0.9', '2001:db8::7')
const isProxy = (address: string) => /^(10\.|2001:0?db8:)/.test(address)
const stranger = oneof(ipV4(), ipV6()).filter(
  (address) => isIP(address) !== 0 && !isProxy(address) && !address.startsWith('::'),
)
const noise = string({ unit: 'binary-ascii' }).map((text) => text.replaceAll(/[\0\r\n,]/g, '?'))
const of = (peer: string | undefined, hops: readonly string[]) =>
  clients.of(peer, new Headers({ 'x-forwarded-for': hops.join(', ') }))

it('whatever a client writes, its address is the one that the first proxy saw', () => {
  const forged = array(oneof(noise, proxy, stranger), { maxLength: 5 })
  assert(
    property(forged, stranger, array(proxy, { maxLength: 4 }), proxy, (words, client, proxies, peer) => {
      expect(of(peer, [...words, client, ...proxies])).toBe(client.toLowerCase())
    }),
    { numRuns: 1_000 },
  )
})

it('whatever stands in the header, the answer is an address, and a stranger is not believed', () => {
  assert(
    property(array(oneof(noise, proxy, stranger)), oneof(proxy, stranger, noise), (hops, peer) => {
      const address = of(peer, hops)
      expect(address === 'unknown' || isIP(address) > 0).toBe(true)
      const isStranger = isIP(peer) > 0 && !isProxy(peer)
      expect(address).toBe(isStranger ? peer.toLowerCase() : address)
    }),
    { numRuns: 1_000 },
  )
})

it('two addresses of IPv6 count as one where they are in one network, however they are written', () => {
  const address = tuple(
    ipV6().filter((text) => isIP(text) === 6 && !text.includes('.')),
    boolean(),
  ).map(([text, upper]) => (upper ? text.toUpperCase() : text))
  const cousins = tuple(
    address,
    ipV6().filter((text) => isIP(text) === 6 && !text.includes('.')),
  )
  assert(
    property(cousins, ([one, other]) => {
      const network = new BlockList()
      network.addSubnet(one, 64, 'ipv6')
      const [first, second] = [one, other].map((text) => networkOf(clients.of(text, new Headers())))
      expect(first === second).toBe(network.check(other, 'ipv6'))
      expect(network.check(first!.replace('/64', '1').replace(/::(?=.*::)/, '::'), 'ipv6')).toBe(true)
    }),
    { numRuns: 1_000 },
  )
})
