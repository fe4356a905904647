import { KeyObject, type webcrypto } from 'node:crypto'
import type * as X509 from '@peculiar/x509'

/** A certificate and its private key, as PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** Who signs certificates. */
export interface Authority {
  /** Its own certificate. */
  readonly ca: string
  issue(options?: IssueOptions): Promise<Certificate>
}

export interface IssueOptions {
  /** What the certificate stands for: host names and addresses (localhost and 127.0.0.1). */
  hosts?: readonly string[]
  /** Of a client: the user in PostgreSQL (postgres). */
  name?: string
  /** Its time is over. */
  expired?: boolean
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const DAY_MS = 86_400_000
let serial = 0
let loading: Promise<typeof X509> | undefined

/** A new authority, which nobody trusts who was not given its certificate. */
export async function createAuthority(name = 'Test CA'): Promise<Authority> {
  const x509 = await (loading ??= loadX509())
  const keys = await generateKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...lifetime(),
    name: `CN=${name}`,
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  })
  const issue = async (options: IssueOptions = {}): Promise<Certificate> => {
    const own = await generateKeys()
    const { hosts = ['localhost', '127.0.0.1'], name: subject = 'postgres', expired = false } = options
    const issued = await x509.X509CertificateGenerator.create({
      ...lifetime(expired),
      subject: `CN=${subject}`,
      issuer: certificate.subject,
      signingAlgorithm: ALGORITHM,
      publicKey: own.publicKey,
      signingKey: keys.privateKey,
      extensions: [new x509.SubjectAlternativeNameExtension(hosts.map(generalName))],
    })
    return { cert: issued.toString('pem'), key: pemOf(own.privateKey) }
  }
  return { ca: certificate.toString('pem'), issue }
}

const generalName = (host: string): { type: 'ip' | 'dns'; value: string } => ({
  type: /^[\d.]+$/.test(host) ? 'ip' : 'dns',
  value: host,
})

function lifetime(expired = false) {
  const end = Date.now() + (expired ? -DAY_MS : DAY_MS)
  return {
    serialNumber: (++serial).toString(16).padStart(4, '0'),
    notBefore: new Date(end - 3 * DAY_MS),
    notAfter: new Date(end),
  }
}

const generateKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>

const pemOf = (key: webcrypto.CryptoKey): string =>
  KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }) as string

/** It asks for metadata of classes, which decorators would have put there; it puts none. */
async function loadX509(): Promise<typeof X509> {
  const metadata = new WeakMap<object, Map<unknown, unknown>>()
  const of = (target: object) => metadata.get(target) ?? new Map<unknown, unknown>()
  Object.assign(Reflect, {
    getMetadata: (name: unknown, target: object) => of(target).get(name),
    getOwnMetadata: (name: unknown, target: object) => of(target).get(name),
    defineMetadata: (name: unknown, value: unknown, target: object) =>
      void metadata.set(target, of(target).set(name, value)),
  })
  return import('@peculiar/x509')
}
