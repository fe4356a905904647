import { BlockList, isIP } from 'node:net'

/**
 * Addresses and networks (CIDR) as a list that answers whether it holds an address.
 *
 * @throws where one is no network
 */
export function networkList(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', prefix, ...rest] = network.split('/')
    const family = familyOf(address)
    if (prefix === undefined) list.addAddress(address, family)
    // What is no number of bits is refused by the list: an empty one would let everything in.
    else list.addSubnet(address, /^\d{1,3}$/.test(prefix) && rest.length === 0 ? Number(prefix) : NaN, family)
  }
  return list
}

/** As such a list wants to be told. */
export const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4')
