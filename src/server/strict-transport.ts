import type { Context } from 'hono'
import { peerOf } from './peer.ts'
import type { ClientAddress } from './client-address.ts'
import type { ServerEnv } from './server-env.ts'

/**
 * Tells browsers that came by TLS to come by TLS only. This service speaks none itself: the word of a trusted proxy
 * counts, and without TLS the header must not be sent (RFC 6797).
 */
export const strictTransport = (
  c: Context<ServerEnv>,
  clients: ClientAddress,
): Readonly<Record<string, string>> | undefined =>
  clients.cameByTls(peerOf(c), c.req.raw.headers) ? STRICT_TRANSPORT : undefined

const STRICT_TRANSPORT = { 'strict-transport-security': 'max-age=31536000' }
