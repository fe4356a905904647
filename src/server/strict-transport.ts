import type { Context } from 'hono'
import { peerOf } from './peer.ts'
import type { ClientAddress } from './client-address.ts'
import type { ServerEnv } from './server-env.ts'

const ONE_YEAR = 'max-age=31536000'

/**
 * Tells browsers that came by TLS to come by TLS only. This service speaks none itself: the word of a trusted proxy
 * counts, and without TLS the header must not be sent (RFC 6797).
 */
export function addStrictTransport(c: Context<ServerEnv>, clients: ClientAddress): void {
  if (clients.cameByTls(peerOf(c), c.req.raw.headers))
    c.res.headers.set('strict-transport-security', ONE_YEAR)
}
