import { isIP } from 'node:net'
import {
  RedisClient,
  type RedisFunctions,
  type RedisModules,
  type RedisScripts,
  type TypeMapping,
} from '@redis/client'
import { bytesOf, tlsOptionsOf, type TlsOptions } from '../../core/tls.ts'
import type { Access } from './access.ts'
import type { Address } from './address.ts'

/**
 * Without a method for each command of Redis, since each is sent as it is. `createClient` would make hundreds of them for
 * every client whose options are new to it, which takes 25 ms and leaves 20 MB of garbage.
 */
export type SocketClient = RedisClient<RedisModules, RedisFunctions, RedisScripts, 2, TypeMapping>

/** A client for one socket: it queues nothing while it is offline, and never reconnects. */
export function socketClient(
  { host, port }: Address,
  { username, password, database, tls }: Access,
  name: string,
  connectTimeoutMs: number,
): SocketClient {
  return new RedisClient({
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
  })
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
export function limitHandshake(client: SocketClient, ms: number): () => Error | undefined {
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
