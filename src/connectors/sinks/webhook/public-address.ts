import { lookup as dnsLookup, type LookupAddress, type LookupOptions } from 'node:dns'
import type { BlockList, LookupFunction } from 'node:net'
import { familyOf, networkList } from '../../../core/networks.ts'

/** What is no address of the public internet, by the registries of IANA; those that carry an IPv4 address included. */
const PRIVATE = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/96',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
]

/** Which addresses may be connected to: public ones, and what was allowed by name. */
export class AddressGuard {
  readonly #private = networkList(PRIVATE)
  readonly #allowed: BlockList | undefined

  /** @param allowed all addresses, or networks (CIDR) that may be private */
  constructor(allowed: boolean | readonly string[]) {
    this.#allowed = allowed === true ? undefined : networkList(allowed || [])
  }

  permits(address: string): boolean {
    const family = familyOf(address)
    if (!this.#allowed || this.#allowed.check(address, family)) return true
    // One of IPv4 in the clothes of IPv6 is checked as what it is.
    return !this.#private.check(address, family)
  }

  /**
   * For a socket: resolves a name when it is connected, and lets through only what may be. A check before that would be
   * of no use, since a name can mean another address a moment later.
   */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    dnsLookup(hostname, { ...(options as LookupOptions), all: true }, (error, found: LookupAddress[]) => {
      if (error) return callback(error, '')
      const permitted = found.filter(({ address }) => this.permits(address))
      const [first] = permitted
      if (!first) return callback(new PrivateAddressError(hostname), '')
      if (options.all) callback(null, permitted)
      else callback(null, first.address, first.family)
    })
  }
}

/** The name leads to no address that may be connected to. */
class PrivateAddressError extends Error {
  constructor(host: string) {
    super(`${host} leads to a private address; allow it by allowPrivate if it is yours`)
    this.name = 'PrivateAddressError'
  }
}
