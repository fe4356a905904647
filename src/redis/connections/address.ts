import { InvalidError } from '../../core/errors.ts'

/** Where a server listens. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** As `host:port`; an IPv6 address stands in brackets. */
export const nameOf = ({ host, port }: Address): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`

/** A name, an IPv4 or an IPv6 address; nothing of a URL, which may hold a password. */
const ADDRESS = /^(?:\[([\da-f:.]+(?:%\w+)?)\]|([\w.-]+|[\da-f:.]+(?:%\w+)?)):(\d{1,5})$/i

/** Reads `host:port`, `[ipv6]:port`, or, as servers tell their addresses, `ipv6:port`. Undefined for anything else. */
export function readAddress(text: unknown): Address | undefined {
  const [, bracketed, bare, digits] = (typeof text === 'string' && ADDRESS.exec(text)) || []
  const host = bracketed ?? bare
  const port = Number(digits)
  return host !== undefined && port >= 1 && port <= 65_535 ? { host, port } : undefined
}

export const WANTED_ADDRESS = 'must be host:port, without a scheme, user or password'

/** @throws InvalidError `CONFIGURATION_INVALID`, without the text, of which a part may be a password */
export function parseAddress(text: unknown, path: string): Address {
  const address = readAddress(text)
  if (address) return address
  const issue = { path, message: WANTED_ADDRESS }
  throw new InvalidError('CONFIGURATION_INVALID', 'the address of a server is not valid', [issue])
}
