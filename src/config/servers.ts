import { isIPv6 } from 'node:net'
import type { Values, VariableName } from './variables.ts'

/** Which source set a variable, as its number: less is stronger. Variables that nobody set are missing. */
export type Given = ReadonlyMap<VariableName, number>

/** Whether a URL serves rather than the variables beside it: yes, unless those were given by a stronger source. */
const urlServes = (given: Given, url: VariableName, host: VariableName): boolean =>
  given.has(url) && given.get(url)! <= (given.get(host) ?? Infinity)

/** Where Redis is, in one URL; what REDIS_URL leaves out is taken from the variables beside it. */
export function redisUrl(values: Values, given: Given): { url: string } | undefined {
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

const REDIS_DETAILS: readonly VariableName[] = ['REDIS_PORT', 'REDIS_USER', 'REDIS_PW']
const DATABASE_DETAILS: readonly VariableName[] = ['DB_PORT', 'DB_NAME', 'DB_USER', 'DB_PASSWORD']

/** Details of a server that nobody named: the embedded one is used, which may not be what was meant. */
export function unusedSettings(given: Given): string[] {
  const unused = (details: readonly VariableName[], host: VariableName, url: VariableName) =>
    given.has(host) || given.has(url)
      ? []
      : details
          .filter((name) => given.has(name))
          .map((name) => `${name} is set and not used, since neither ${url} nor ${host} is`)
  return [
    ...unused(REDIS_DETAILS, 'REDIS_HOST', 'REDIS_URL'),
    ...unused(DATABASE_DETAILS, 'DB_HOST', 'DATABASE_URL'),
  ]
}
