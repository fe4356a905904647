import { MillraceError } from '../core/errors.ts'
import type { Log } from '../core/service.ts'
import type { Connection, RedisOptions, Sender } from './connection.ts'

/** What a Redis server says of itself. Of a cluster, what its masters say: the oldest, the least durable, the most skewed. */
export interface ServerInfo {
  /** Of Redis, or the version of Redis that Valkey is compatible with. */
  version: string
  evictionPolicy: string
  /** Whether it keeps an append-only file: without one, a restart loses what came since the last snapshot. */
  appendOnly: boolean
  /** By how much its clock is ahead of ours, in ms. */
  clockSkewMs: number
}

/** What else is looked at before a server is used. */
interface Examined extends ServerInfo {
  mode: string
  role: string
  replicas: number
  /** Whether it refuses writes while it has too few replicas: the field is there only then. */
  minReplicas: boolean
}

const OLDEST_MAJOR_VERSION = 7

/** Asks a server what it is. INFO and not CONFIG, which managed servers often don't allow. */
async function examine(server: Sender): Promise<Examined> {
  const text = await server.send<string>(['INFO'])
  const field = (name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(text)?.[1]
  const mode = field('redis_mode') ?? 'standalone'
  return {
    version: field('redis_version') ?? 'unknown',
    evictionPolicy: field('maxmemory_policy') ?? 'unknown',
    appendOnly: field('aof_enabled') === '1',
    // A Sentinel tells no time.
    clockSkewMs: mode === 'sentinel' ? 0 : await clockSkewOf(server),
    mode,
    role: field('role') ?? 'master',
    replicas: Number(field('connected_slaves') ?? 0),
    minReplicas: field('min_slaves_good_slaves') !== undefined,
  }
}

async function clockSkewOf(server: Sender): Promise<number> {
  const before = Date.now()
  const [seconds, micros] = await server.send<[string, string]>(['TIME'])
  const here = (before + Date.now()) / 2
  return Math.round(Number(seconds) * 1_000 + Number(micros) / 1_000 - here)
}

/** Whether Redis may drop streams and groups on its own when its memory is full. */
export const evicts = ({ evictionPolicy }: ServerInfo): boolean => evictionPolicy.startsWith('allkeys-')

/**
 * Refuses servers that are too old, or that would drop events by themselves, or that are not what the options say.
 *
 * @throws MillraceError `REDIS_UNSUITABLE`
 */
export async function checkServer(
  connection: Connection,
  options: RedisOptions & { log: Log; allowEviction: boolean },
): Promise<ServerInfo> {
  const servers = await Promise.all(connection.masters().map(examine))
  for (const server of servers) {
    checkVersion(server)
    checkMode(server, options)
    checkEviction(server, options)
  }
  if (servers.some(({ replicas, minReplicas }) => replicas > 0 && !minReplicas))
    options.log.warn({}, UNFENCED)
  return worstOf(servers)
}

function checkVersion({ version }: Examined): void {
  if (Number.parseInt(version, 10) >= OLDEST_MAJOR_VERSION) return
  throw unsuitable(
    `Redis ${version} is too old; version ${OLDEST_MAJOR_VERSION}.0 or newer (or Valkey) is needed`,
  )
}

/** A node of a cluster or a Sentinel would answer the first command, and refuse a later one. */
function checkMode({ mode, role }: Examined, { url, log }: RedisOptions & { log: Log }): void {
  if (url === undefined) return
  const wanted = MODES[mode]
  if (wanted !== undefined) throw unsuitable(wanted)
  if (role !== 'master')
    log.warn({ role }, 'the Redis at this URL is a replica: nothing can be written there')
}

const MODES: Readonly<Record<string, string>> = {
  cluster: 'the Redis at this URL is a node of a cluster; give cluster.nodes (REDIS_CLUSTER_NODES) instead',
  sentinel: 'the server at this URL is a Sentinel; give sentinel (REDIS_SENTINEL_NODES) instead',
}

const UNFENCED =
  'Redis has replicas, and min-replicas-to-write is not set: a master that was cut off goes on taking writes, which are ' +
  'lost when it is replaced. Set min-replicas-to-write 1 and min-replicas-max-lag 10'

/** Policies that neither keep everything nor are known to take streams: `volatile-*`, and what managed servers call theirs. */
const LOSES_WHAT_EXPIRES =
  'lets Redis drop idempotency keys, reservations and leases when memory is full, so that something may happen twice. ' +
  'Set it to noeviction'

function checkEviction(info: Examined, options: { log: Log; allowEviction: boolean }): void {
  const { evictionPolicy } = info
  if (evictionPolicy === 'noeviction' || evictionPolicy === 'unknown') return
  if (!evicts(info))
    return options.log.warn({ evictionPolicy }, `maxmemory-policy ${evictionPolicy} ${LOSES_WHAT_EXPIRES}`)
  const what = `maxmemory-policy ${evictionPolicy} lets Redis drop whole streams and groups when memory is full`
  const message = `${what}. Set it to noeviction (CONFIG SET maxmemory-policy noeviction), or accept it with allowEviction`
  if (!options.allowEviction) throw unsuitable(message)
  options.log.warn({ evictionPolicy }, message)
}

const unsuitable = (message: string): MillraceError => new MillraceError('REDIS_UNSUITABLE', message)

function worstOf(servers: readonly Examined[]): ServerInfo {
  const [oldest] = servers.toSorted((a, b) => a.version.localeCompare(b.version, 'en', { numeric: true }))
  const [skewed] = servers.toSorted((a, b) => Math.abs(b.clockSkewMs) - Math.abs(a.clockSkewMs))
  return {
    version: oldest!.version,
    evictionPolicy: (servers.find(evicts) ?? oldest!).evictionPolicy,
    appendOnly: servers.every(({ appendOnly }) => appendOnly),
    clockSkewMs: skewed!.clockSkewMs,
  }
}
