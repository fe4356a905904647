import { isIPv6 } from 'node:net'
import type { Values, VariableName } from './variables.ts'

/** Which source set a variable, as its number: less is stronger. Variables that nobody set are missing. */
export type Given = ReadonlyMap<VariableName, number>

/** Whether a URL serves rather than the variables beside it: yes, unless those were given by a stronger source. */
const urlServes = (given: Given, url: VariableName, host: VariableName): boolean =>
  given.has(url) && given.get(url)! <= (given.get(host) ?? Infinity)

/** Where Redis is: one server, the master that Sentinels watch, or a cluster. */
export type RedisPlace =
  | { url: string }
  | (RedisNodes & { username?: string; password?: string; tls: boolean })

type RedisNodes =
  | { sentinel: { name: string; nodes: readonly string[]; username?: string; password?: string } }
  | { cluster: { nodes: readonly string[] } }

/** Undefined where nothing says where it is. */
export function redisPlace(values: Values, given: Given): RedisPlace | undefined {
  const nodes = redisNodes(values, given)
  if (!nodes) return redisUrl(values, given)
  const { REDIS_USER: username, REDIS_PW: password, REDIS_TLS_ENABLED: tls } = values
  return { ...nodes, tls, ...defined({ username, password }) }
}

const WAYS = ['REDIS_CLUSTER_NODES', 'REDIS_SENTINEL_NODES', 'REDIS_URL', 'REDIS_HOST'] as const

/** Those that a source names which no stronger source names: more than one is a mistake, REDIS_URL and REDIS_HOST aside. */
export function redisWays(given: Given): VariableName[] {
  const strongest = Math.min(...WAYS.map((way) => given.get(way) ?? Infinity))
  const ways: VariableName[] = WAYS.filter((way) => given.get(way) === strongest && strongest < Infinity)
  return ways.includes('REDIS_URL') ? ways.filter((way) => way !== 'REDIS_HOST') : ways
}

function redisNodes(values: Values, given: Given): RedisNodes | undefined {
  const [way] = redisWays(given)
  if (way === 'REDIS_CLUSTER_NODES') return { cluster: { nodes: values.REDIS_CLUSTER_NODES! } }
  if (way !== 'REDIS_SENTINEL_NODES') return undefined
  const { REDIS_SENTINEL_USER: username, REDIS_SENTINEL_PW: password, REDIS_SENTINEL_NAME: name } = values
  return { sentinel: { name, nodes: values.REDIS_SENTINEL_NODES!, ...defined({ username, password }) } }
}

/** Without what is not there. */
export const defined = <N extends string>(texts: Record<N, string | undefined>): { [K in N]?: string } =>
  Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== undefined)) as { [K in N]?: string }

/** Where Redis is, in one URL; what REDIS_URL leaves out is taken from the variables beside it. */
function redisUrl(values: Values, given: Given): { url: string } | undefined {
  const named = urlServes(given, 'REDIS_URL', 'REDIS_HOST') ? values.REDIS_URL : urlOfHost(values)
  if (named === undefined) return undefined
  const url = new URL(named)
  // Encoded here: the setters leave a percent sign alone, so a password such as "100%41" would become another one.
  if (url.username === '' && values.REDIS_USER) url.username = encodeURIComponent(values.REDIS_USER)
  if (url.password === '' && values.REDIS_PW) url.password = encodeURIComponent(values.REDIS_PW)
  if (values.REDIS_TLS_ENABLED) url.protocol = 'rediss:'
  return { url: url.href }
}

const urlOfHost = ({ REDIS_HOST: host, REDIS_PORT: port }: Values): string | undefined =>
  host === undefined ? undefined : `redis://${urlHost(host)}:${port}`

/** Where PostgreSQL is, in one URL. */
export function databaseUrl(values: Values, given: Given): { url: string } | undefined {
  if (urlServes(given, 'DATABASE_URL', 'DB_HOST')) return { url: values.DATABASE_URL! }
  if (!values.DB_HOST) return undefined
  const password = values.DB_PASSWORD === undefined ? '' : `:${encodeURIComponent(values.DB_PASSWORD)}`
  const user = encodeURIComponent(values.DB_USER) + password
  const host = `${urlHost(values.DB_HOST)}:${values.DB_PORT}`
  return { url: `postgres://${user}@${host}/${encodeURIComponent(values.DB_NAME)}` }
}

/** An IPv6 address stands in brackets; a directory, where the socket of PostgreSQL is, is encoded. */
const urlHost = (host: string): string => (isIPv6(host) ? `[${host}]` : encodeURIComponent(host))

/** False for the embedded Redis. */
export const speaksTls = (redis: RedisPlace | undefined): boolean =>
  redis !== undefined && ('url' in redis ? redis.url.startsWith('rediss:') : redis.tls)

const TLS_FILES = ['CA', 'CERT', 'KEY'] as const

/** Files for TLS that is not spoken: whoever named them believes that it is. */
export function unusedTlsFiles(values: Values, given: Given): string[] {
  const toRedis = speaksTls(redisPlace(values, given))
  const unused = (server: 'REDIS' | 'DB', spoken: boolean, remedy: string) =>
    TLS_FILES.map((file) => `${server}_TLS_${file}` as const)
      .filter((name) => !spoken && given.has(name))
      .map((name) => `${name} is set and not used, since TLS is off: ${remedy}`)
  return [
    ...unused('REDIS', toRedis, 'set REDIS_TLS_ENABLED to true, or begin REDIS_URL with rediss:'),
    ...unused('DB', values.DB_TLS_ENABLED, 'set DB_TLS_ENABLED to true'),
  ]
}

const REDIS_DETAILS: readonly VariableName[] = ['REDIS_PORT', 'REDIS_USER', 'REDIS_PW']
const DATABASE_DETAILS: readonly VariableName[] = ['DB_PORT', 'DB_NAME', 'DB_USER', 'DB_PASSWORD']

/** Details of a server that nobody named: the embedded one is used, which may not be what was meant. */
export function unusedSettings(given: Given): string[] {
  const nodes = given.has('REDIS_CLUSTER_NODES') || given.has('REDIS_SENTINEL_NODES')
  const unused = (details: readonly VariableName[], host: VariableName, url: VariableName) =>
    given.has(host) || given.has(url) || (url === 'REDIS_URL' && nodes)
      ? []
      : details
          .filter((name) => given.has(name))
          .map((name) => `${name} is set and not used, since neither ${url} nor ${host} is`)
  return [
    ...unused(REDIS_DETAILS, 'REDIS_HOST', 'REDIS_URL'),
    ...unused(DATABASE_DETAILS, 'DB_HOST', 'DATABASE_URL'),
  ]
}
