import { InvalidError, MillraceError, type Issue } from '../../core/errors.ts'
import { redactText } from '../../core/redact.ts'
import { tlsIssues, tlsOptionsOf, type TlsSource } from '../../core/tls.ts'
import type { ConnectionOptions, RedisOptions, SentinelOptions } from '../connection.ts'
import { parseAddress, readAddress, WANTED_ADDRESS, type Address } from './address.ts'

/** What is said to a server before the first command. */
export interface Access {
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly database?: number | undefined
  readonly tls: boolean | TlsSource
}

/** The options, checked. */
export type Place =
  | { readonly kind: 'server'; readonly address: Address }
  | { readonly kind: 'sentinel'; readonly name: string; readonly nodes: readonly Address[]; access: Access }
  | { readonly kind: 'cluster'; readonly nodes: readonly Address[] }

export interface Whereabouts {
  readonly place: Place
  readonly access: Access
  /** In words, without secrets. */
  readonly shown: string
}

/**
 * Reads where Redis is, and how to be let in.
 *
 * @throws InvalidError `CONFIGURATION_INVALID`, without what the options hold: part of it may be a password
 */
export function whereabouts(options: ConnectionOptions): Whereabouts {
  const { url, sentinel, cluster, username, password, tls = false } = options
  const ways = [url, sentinel, cluster].filter((way) => way !== undefined)
  if (ways.length !== 1)
    throw invalid([issue('', 'exactly one of url, sentinel and cluster says where it is')])
  const wrong = typeof tls === 'boolean' ? [] : tlsIssues(tlsOptionsOf(tls))
  if (wrong.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'TLS can not be spoken to Redis like this', wrong)
  const access = { username, password, tls }
  if (sentinel) return ofSentinel(sentinel, access)
  if (cluster) return ofCluster(cluster, access)
  return ofUrl(url!, access)
}

function ofSentinel(sentinel: SentinelOptions, access: Access): Whereabouts {
  const { name, nodes, username, password } = sentinel
  const issues = nodeIssues(nodes, 'sentinel.nodes')
  if (typeof name !== 'string' || !/^[\w.-]+$/.test(name))
    issues.unshift(issue('sentinel.name', 'must be the name of the master in the Sentinels'))
  if (issues.length > 0) throw invalid(issues)
  const own = { username, password, tls: access.tls }
  const place = { kind: 'sentinel', name, nodes: addresses(nodes, 'sentinel.nodes'), access: own } as const
  return { place, access, shown: `the master "${name}" of the Sentinels ${nodes.join(', ')}` }
}

function ofCluster({ nodes }: NonNullable<RedisOptions['cluster']>, access: Access): Whereabouts {
  const issues = nodeIssues(nodes, 'cluster.nodes')
  if (issues.length > 0) throw invalid(issues)
  const place = { kind: 'cluster', nodes: addresses(nodes, 'cluster.nodes') } as const
  return { place, access, shown: `the cluster of ${nodes.join(', ')}` }
}

function nodeIssues(nodes: unknown, path: string): Issue[] {
  if (!Array.isArray(nodes) || nodes.length === 0)
    return [issue(path, 'must name at least one node as host:port')]
  return nodes.flatMap((node, index) =>
    readAddress(node) ? [] : [issue(`${path}.${index}`, WANTED_ADDRESS)],
  )
}

const addresses = (nodes: readonly string[], path: string): Address[] =>
  nodes.map((node, index) => parseAddress(node, `${path}.${index}`))

/** Checked by ourselves, since what the parsers throw contains the whole of it, password included. */
function ofUrl(text: string, access: Access): Whereabouts {
  if (!/^rediss?:\/\//.test(text) || !URL.canParse(text)) throw notAUrl()
  const url = new URL(text)
  const database = url.pathname.slice(1)
  if (!/^\d{0,5}$/.test(database)) throw notAUrl()
  return {
    place: {
      kind: 'server',
      address: {
        host: url.hostname.replace(/^\[(.*)\]$/, '$1') || 'localhost',
        port: Number(url.port || 6379),
      },
    },
    access: {
      username: decoded(url.username) || access.username,
      password: decoded(url.password) || access.password,
      database: database === '' ? undefined : Number(database),
      tls: access.tls || url.protocol === 'rediss:',
    },
    // In its normal form, where what a password holds can't be taken for the end of it.
    shown: redactText(url.href),
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw notAUrl()
  }
}

function notAUrl(): MillraceError {
  const wanted = 'redis://user:password@host:port, with special characters in the password percent-encoded'
  return new MillraceError('CONFIGURATION_INVALID', `the URL of Redis is not valid; write ${wanted}`)
}

const issue = (path: string, message: string): Issue => ({ path, message })

const invalid = (issues: Issue[]): InvalidError =>
  new InvalidError('CONFIGURATION_INVALID', 'where Redis is, is not clear', issues)
