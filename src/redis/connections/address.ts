import { InvalidError } from '../../core/errors.ts'

/** Where a server listens. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** As `host:port`; an IPv6 address stands in brackets. */
export const nameOf = ({ host, port }: Address): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`

/**
 * Reads `host:port`, `[ipv6]:port`, or, as servers tell their addresses, `ipv6:port`.
 *
 * @throws InvalidError `CONFIGURATION_INVALID`
 */
export function parseAddress(text: string, path: string): Address {
  const [, host, port] = /^(.+):(\d{1,5})$/.exec(text) ?? []
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) {
    const issue = { path, message: `must be host:port, not "${text}"` }
    throw new InvalidError('CONFIGURATION_INVALID', 'the address of a server is not valid', [issue])
  }
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) }
}
