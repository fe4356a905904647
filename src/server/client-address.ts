import { isIP } from 'node:net'
import { familyOf, networkList } from '../core/networks.ts'

/** Says where a request came from. */
export interface ClientAddress {
  /** @param peer the other end of the socket; undefined where there is none, as in tests */
  of(peer: string | undefined, headers: Headers): string
  /** Whether the client spoke TLS with a trusted proxy, which spoke to us without. */
  cameByTls(peer: string | undefined, headers: Headers): boolean
}

/** Stands for clients that nothing is known of; they count as one. */
const UNKNOWN = 'unknown'

/**
 * Believes `X-Forwarded-For` as far as trusted proxies wrote it: read from the right, each address was written by the one
 * before, so the first that is no trusted proxy is the client, and what stands left of it may be forged. `Forwarded`
 * (RFC 7239) is not read: a proxy that sets one of the two hands the other on as the client sent it.
 *
 * @param trusted addresses and networks (CIDR) of proxies
 */
export function clientAddress(trusted: readonly string[]): ClientAddress {
  const list = networkList(trusted)
  const isTrusted = (address: string) => list.check(address, familyOf(address))
  return {
    of(peer, headers) {
      let address = plain(peer ?? '')
      if (address === undefined) return UNKNOWN
      const hops = trusted.length === 0 ? [] : (headers.get('x-forwarded-for') ?? '').split(',')
      while (hops.length > 0 && isTrusted(address)) {
        const hop = plain(hops.pop()!)
        // Whatever stands there instead of an address: the last that is known passed it on.
        if (hop === undefined) break
        address = hop
      }
      return address
    },
    cameByTls(peer, headers) {
      const address = trusted.length === 0 ? undefined : plain(peer ?? '')
      return address !== undefined && isTrusted(address) && headers.get('x-forwarded-proto') === 'https'
    },
  }
}

/** An address without port, brackets and zone, and of IPv4 where it is one in the clothes of IPv6; undefined for what is none. */
function plain(text: string): string | undefined {
  const trimmed = text.trim().toLowerCase()
  const bare = /^\[([^\]]*)\](?::\d+)?$/.exec(trimmed)?.[1] ?? trimmed.replace(/^([\d.]+):\d+$/, '$1')
  const address = bare.replace(/^::ffff:(?=[\d.]+$)/, '').replace(/%.*$/, '')
  return isIP(address) === 0 ? undefined : address
}

/** How many parts of an IPv6 address its network has. */
const NETWORK_PARTS = 4

/**
 * Whom requests from an address count for. Whoever has an address of IPv6 has all of its network (/64), so that is
 * counted.
 */
export function networkOf(address: string): string {
  if (isIP(address) !== 6) return address
  const [left = '', right] = address.split('::')
  const parts = left === '' ? [] : left.split(':')
  const tail = right === undefined || right === '' ? [] : right.split(':')
  const missing = right === undefined ? 0 : 8 - parts.length - tail.length
  const all = [...parts, ...Array.from({ length: Math.max(0, missing) }, () => '0'), ...tail]
  return `${all
    .slice(0, NETWORK_PARTS)
    .map((part) => part.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}
