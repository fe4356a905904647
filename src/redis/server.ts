import { MillraceError } from '../core/errors.ts'
import type { Log } from '../core/service.ts'
import type { Connection } from './connection.ts'

/** What a Redis server says of itself. */
export interface ServerInfo {
  /** Of Redis, or the version of Redis that Valkey is compatible with. */
  version: string
  evictionPolicy: string
  /** Whether it keeps an append-only file: without one, a restart loses what came since the last snapshot. */
  appendOnly: boolean
  /** By how much its clock is ahead of ours, in ms. */
  clockSkewMs: number
}

const OLDEST_MAJOR_VERSION = 7

/** Asks the server what it is. INFO and not CONFIG, which managed servers often don't allow. */
async function serverInfo(connection: Connection): Promise<ServerInfo> {
  const text = await connection.send<string>(['INFO'])
  const field = (name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(text)?.[1] ?? 'unknown'
  const before = Date.now()
  const [seconds, micros] = await connection.send<[string, string]>(['TIME'])
  const here = (before + Date.now()) / 2
  return {
    version: field('redis_version'),
    evictionPolicy: field('maxmemory_policy'),
    appendOnly: field('aof_enabled') === '1',
    clockSkewMs: Math.round(Number(seconds) * 1_000 + Number(micros) / 1_000 - here),
  }
}

/** Whether Redis may drop streams and groups on its own when its memory is full. */
export const evicts = ({ evictionPolicy }: ServerInfo): boolean => evictionPolicy.startsWith('allkeys-')

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
