import { isIP } from 'node:net'
import { createClient, type RedisClientType } from '@redis/client'
import { bytesOf, tlsOptionsOf, type TlsOptions } from '../../core/tls.ts'
import type { Access } from './access.ts'
import type { Address } from './address.ts'

/** A client for one socket: it queues nothing while it is offline, and never reconnects. */
export function socketClient(
  { host, port }: Address,
  { username, password, database, tls }: Access,
  name: string,
  connectTimeoutMs: number,
): RedisClientType {
  return createClient({
    name,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(database !== undefined && { database }),
    // As a RESP3 map, a stream named `__proto__` would vanish from the reply.
    RESP: 2,
    disableOfflineQueue: true,
    maintNotifications: 'disabled',
    commandOptions: { timeout: 0 },
    socket: {
      host,
      port,
      ...(tls && secured(host, tls === true ? {} : tlsOptionsOf(tls))),
      connectTimeout: connectTimeoutMs,
      reconnectStrategy: false,
    },
  }) as unknown as RedisClientType
}

/** Said outright, since a variable of the environment could switch the check off for all of Node.js. */
const secured = (host: string, { serverName, ...parts }: TlsOptions) => ({
  tls: true as const,
  rejectUnauthorized: true,
  ...bytesOf(parts),
  // Told to the server, which may have several certificates; an address is checked all the same.
  ...(serverName ? { servername: serverName } : isIP(host) === 0 && { servername: host }),
})

/**
 * Ends a client that has not connected in time: it waits for ever for the answers to its first commands, on a socket that
 * is dead but open. The answer takes the limit away, and says whether it was reached.
 */
export function limitHandshake(client: RedisClientType, ms: number): () => Error | undefined {
  let verdict: Error | undefined
  const timer = setTimeout(() => {
    verdict = new Error(`no answer within ${ms} ms`)
    client.destroy()
  }, ms)
  return () => {
    clearTimeout(timer)
    return verdict
  }
}
