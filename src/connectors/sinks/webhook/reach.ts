import { once } from 'node:events'
import { connect, isIP, type LookupFunction } from 'node:net'
import { connect as connectSecurely } from 'node:tls'

/**
 * Whether somebody is there, by a connection over which nothing is asked: a receiver has only to answer what it is sent.
 *
 * @throws why there is none: no name, nobody who listens, a certificate that is not trusted; the reason of `signal`
 */
export async function reach(url: URL, lookup: LookupFunction, signal: AbortSignal): Promise<void> {
  const host = hostOf(url)
  const isSecured = url.protocol === 'https:'
  const where = { host, port: Number(url.port) || (isSecured ? 443 : 80), lookup }
  const named = isIP(host) === 0 && { servername: host }
  const socket = isSecured ? connectSecurely({ ...where, ...named }) : connect(where)
  try {
    await once(socket, isSecured ? 'secureConnect' : 'connect', { signal })
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    socket.on('error', () => {}) // of its end
    socket.destroy()
  }
}

/** As a socket takes it: an address of IPv6 without its brackets. */
export const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, '$1')
