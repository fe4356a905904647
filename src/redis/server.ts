import { MillraceError } from '../core/errors.ts'
import type { Log } from '../core/service.ts'
import type { Connection } from './connection.ts'

/** What a Redis server says of itself. */
export interface ServerInfo {
  /** Of Redis, or the version of Redis that Valkey is compatible with. */
  version: string
  /** Absent where CONFIG is not allowed. */
  evictionPolicy?: string
}

const OLDEST_MAJOR_VERSION = 7

/** Asks the server what it is. */
export async function serverInfo(connection: Connection): Promise<ServerInfo> {
  const info = await connection.send<string>(['INFO', 'server'])
  const version = /^redis_version:(\S+)/m.exec(info)?.[1] ?? 'unknown'
  // Managed servers often don't allow CONFIG; INFO says it too.
  const memory = await connection.send<string>(['INFO', 'memory'])
  const evictionPolicy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1]
  return { version, ...(evictionPolicy === undefined ? {} : { evictionPolicy }) }
}

/** Whether Redis may drop streams and groups on its own when its memory is full. */
export const evicts = ({ evictionPolicy = '' }: ServerInfo): boolean => evictionPolicy.startsWith('allkeys-')

/**
 * Refuses a server that is too old, or that would drop events by itself.
 *
 * @throws MillraceError `REDIS_UNSUITABLE`
 */
export async function checkServer(
  connection: Connection,
  options: { log: Log; allowEviction: boolean },
): Promise<ServerInfo> {
  const info = await serverInfo(connection)
  if (Number.parseInt(info.version, 10) < OLDEST_MAJOR_VERSION) {
    throw new MillraceError(
      'REDIS_UNSUITABLE',
      `Redis ${info.version} is too old; version ${OLDEST_MAJOR_VERSION}.0 or newer (or Valkey) is needed`,
    )
  }
  if (evicts(info)) {
    const what = `maxmemory-policy ${info.evictionPolicy} lets Redis drop whole streams and groups when memory is full`
    const message = `${what}. Set it to noeviction (CONFIG SET maxmemory-policy noeviction), or accept it with allowEviction`
    if (!options.allowEviction) throw new MillraceError('REDIS_UNSUITABLE', message)
    options.log.warn({ evictionPolicy: info.evictionPolicy }, message)
  }
  return info
}
