import { X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { Issue } from './errors.ts'

/**
 * How TLS is spoken to a server, as PEM texts or the bytes of them. The certificate of the server is always checked, and
 * the name that it was made out for: there is no way to switch that off.
 */
export interface TlsOptions {
  /** The certificates that sign those of the servers; those that Node.js knows when left out. */
  ca?: string | Uint8Array
  /** Our own certificate, where the server asks for one, with those between it and the authority behind it. */
  cert?: string | Uint8Array
  /** The private key of `cert`, without a passphrase. */
  key?: string | Uint8Array
  /** The name that the certificate of the server has to be made out for, where that is not the host we connect to. */
  serverName?: string
}

/** The options, or what gives them: it is asked again for each connection, so that certificates can be replaced. */
export type TlsSource = TlsOptions | (() => TlsOptions)

export const tlsOptionsOf = (source: TlsSource): TlsOptions =>
  typeof source === 'function' ? source() : source

type Part = 'ca' | 'cert' | 'key'

/** Every mistake in the options; no message holds any of what they hold. */
export function tlsIssues(options: TlsOptions, path = 'tls'): Issue[] {
  const { ca, cert, key, serverName } = options
  const issue = (name: string, message: string): Issue => ({ path: `${path}.${name}`, message })
  const issues = (['ca', 'cert', 'key'] as const).flatMap((part) =>
    wrongPart(part, options[part]) ? [issue(part, WANTED[part])] : [],
  )
  if (serverName !== undefined && (typeof serverName !== 'string' || !HOST_NAME.test(serverName)))
    issues.push(issue('serverName', 'must be the name of a host, and no address'))
  if ((cert === undefined) !== (key === undefined))
    issues.push(issue(cert === undefined ? 'cert' : 'key', 'cert and key go together: give both or neither'))
  else if (cert !== undefined && issues.length === 0 && !fits({ ca, cert, key }))
    issues.push(issue('key', 'is not the private key of the certificate'))
  return issues
}

const WANTED: Readonly<Record<Part, string>> = {
  ca: 'must be one or more certificates as PEM',
  cert: 'must be one or more certificates as PEM',
  key: 'must be a private key as PEM, without a passphrase',
}

/** With a letter, so that no IPv4 address is one; those of IPv6 have colons. */
const HOST_NAME = /^(?=.*[a-z])[\w.-]+$/i
const CERTIFICATES = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]+-----END/g

function wrongPart(part: Part, value: unknown): boolean {
  if (value === undefined) return false
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) return true
  return part === 'key' ? !fits({ key: value }) : !areCertificates(value)
}

/** Node.js would take what is no certificate for none, and then trust nobody without saying why. */
function areCertificates(value: string | Uint8Array): boolean {
  const blocks = Buffer.from(value).toString('latin1').match(CERTIFICATES) ?? []
  try {
    for (const block of blocks) void new X509Certificate(`${block} CERTIFICATE-----`)
    return blocks.length > 0
  } catch {
    return false
  }
}

function fits(parts: { [P in Part]?: string | Uint8Array | undefined }): boolean {
  try {
    createSecureContext(bytesOf(parts))
    return true
  } catch {
    return false
  }
}

/** As Node.js takes them. */
export function bytesOf(parts: { [P in Part]?: string | Uint8Array | undefined }): { [P in Part]?: Buffer } {
  const given = (['ca', 'cert', 'key'] as const).filter((part) => parts[part] !== undefined)
  return Object.fromEntries(given.map((part) => [part, Buffer.from(parts[part]!)]))
}
