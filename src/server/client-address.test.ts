import { describe, expect, it } from 'vitest'
import { clientAddress, networkOf } from './client-address.ts'

const PROXIES = ['10.0.0.0/8', '192.0.2.7', 'fd00::/8', '2001:db8::1']
const clients = clientAddress(PROXIES)
const from = (peer: string | undefined, forwarded?: string) =>
  clients.of(peer, new Headers(forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }))

describe('where a request came from', () => {
  it.each<[string, string | undefined, string | undefined, string]>([
    ['is the socket', '198.51.100.1', undefined, '198.51.100.1'],
    ['is the socket, whatever it says of others', '198.51.100.1', '203.0.113.9', '198.51.100.1'],
    ['is the socket of an untrusted neighbour', '192.0.2.8', '203.0.113.9', '192.0.2.8'],
    ['is what a trusted proxy says', '10.1.2.3', '203.0.113.9', '203.0.113.9'],
    ['is what a single trusted address says', '192.0.2.7', '203.0.113.9', '203.0.113.9'],
    ['is what the last of the trusted saw', '10.1.2.3', '203.0.113.9, 10.9.9.9', '203.0.113.9'],
    ['is not what the client wrote left of it', '10.1.2.3', '1.1.1.1, 203.0.113.9', '203.0.113.9'],
    ['is not a forged proxy', '10.1.2.3', '1.1.1.1, 10.0.0.5, 203.0.113.9', '203.0.113.9'],
    ['is the first proxy where all are trusted', '10.1.2.3', '10.0.0.5, 10.0.0.6', '10.0.0.5'],
    ['is the proxy where it says nothing', '10.1.2.3', undefined, '10.1.2.3'],
    ['is the proxy where it says nonsense', '10.1.2.3', 'unknown', '10.1.2.3'],
    ['is the proxy where nonsense comes last', '10.1.2.3', '203.0.113.9, <script>', '10.1.2.3'],
    ['is the proxy where an empty hop comes last', '10.1.2.3', '203.0.113.9,', '10.1.2.3'],
    ['leaves a port away', '10.1.2.3', '203.0.113.9:4711', '203.0.113.9'],
    ['reads IPv6', '2001:db8::1', '2001:DB8:0::9', '2001:db8:0::9'],
    ['reads IPv6 with a port', 'fd12::1', '[2001:db8::9]:4711', '2001:db8::9'],
    ['knows IPv4 in the clothes of IPv6', '::ffff:10.1.2.3', '::ffff:203.0.113.9', '203.0.113.9'],
    ['drops a zone', 'fe80::1%eth0', undefined, 'fe80::1'],
    ['does not take octal', '10.1.2.3', '010.0.0.1', '10.1.2.3'],
    ['does not take a number', '10.1.2.3', '2130706433', '10.1.2.3'],
    ['is unknown without a socket', undefined, '203.0.113.9', 'unknown'],
  ])('%s', (_, peer, forwarded, expected) => expect(from(peer, forwarded)).toBe(expected))

  it('is the socket where nobody is trusted', () => {
    const headers = new Headers({ 'x-forwarded-for': '203.0.113.9', forwarded: 'for=203.0.113.9' })
    expect(clientAddress([]).of('10.1.2.3', headers)).toBe('10.1.2.3')
  })

  it('ends with a list of any length', () => {
    expect(from('10.1.2.3', `1.1.1.1${', 10.0.0.1'.repeat(10_000)}`)).toBe('1.1.1.1')
  })

  it('came by TLS where a trusted proxy says so, and nobody else', () => {
    const headers = new Headers({ 'x-forwarded-proto': 'https' })
    expect(clients.cameByTls('10.1.2.3', headers)).toBe(true)
    expect(clients.cameByTls('198.51.100.1', headers)).toBe(false)
    expect(clients.cameByTls('10.1.2.3', new Headers())).toBe(false)
    expect(clientAddress([]).cameByTls('10.1.2.3', headers)).toBe(false)
  })
})

describe('whom an address counts for', () => {
  it.each([
    ['203.0.113.9', '203.0.113.9'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
    ['2001:db8:01:0002::6', '2001:db8:1:2::/64'],
    ['2001:db8::6', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['1:2:3:4:5:6:7::', '1:2:3:4::/64'],
    ['unknown', 'unknown'],
  ])('%s is %s', (address, network) => expect(networkOf(address)).toBe(network))
})
