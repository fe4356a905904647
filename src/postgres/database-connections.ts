import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import { Client, type ClientConfig } from 'pg'
import { InvalidError, type Issue } from '../core/errors.ts'
import { bytesOf, tlsIssues, tlsOptionsOf, type TlsOptions, type TlsSource } from '../core/tls.ts'

/** Makes connections to one database, each with the certificates of its time. */
export interface ConnectionMaker {
  /** Options of a pool whose connections are made here. */
  pooled(statementTimeoutMs: number): ClientConfig & { Client: typeof Client }
  client(statementTimeoutMs: number): Client
}

const CONNECT_TIMEOUT_MS = 10_000
/** The server cancels first and says so; past this the connection itself is taken for dead. */
const REPLY_GRACE_MS = 5_000
/** A process that is suspended in a transaction holds its locks no longer than this. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 60_000

export function connectionsTo(url: string, tls: TlsSource | undefined): ConnectionMaker {
  class SecuredClient extends Client {
    constructor(config: ClientConfig) {
      super(tls ? { ...config, ssl: secured(tlsOptionsOf(tls)) } : config)
    }
  }
  const config = (statementTimeoutMs: number): ClientConfig => ({
    connectionString: url,
    application_name: 'millrace',
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + REPLY_GRACE_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
  })
  return {
    pooled: (statementTimeoutMs) => ({
      ...config(statementTimeoutMs),
      Client: SecuredClient as typeof Client,
    }),
    client: (statementTimeoutMs) => new SecuredClient(config(statementTimeoutMs)),
  }
}

/** Said outright, since a variable of the environment could switch the check off for all of Node.js. */
const secured = ({ serverName, ...parts }: TlsOptions) => ({
  rejectUnauthorized: true,
  ...bytesOf(parts),
  // As its name alone, pg would put the host of the URL in its place.
  ...(serverName !== undefined && {
    checkServerIdentity: (_host: string, shown: PeerCertificate) => checkServerIdentity(serverName, shown),
  }),
})

/** What pg reads of a URL about TLS, and puts in the place of everything else that was said. */
const IN_URLS = ['ssl', 'sslmode', 'sslcert', 'sslkey', 'sslrootcert', 'sslnegotiation', 'uselibpqcompat']

/** @throws InvalidError `CONFIGURATION_INVALID` */
export function checkTls(url: string, tls: TlsSource): void {
  const said = IN_URLS.filter((name) => new URL(url).searchParams.has(name))
  const issues: Issue[] = tlsIssues(tlsOptionsOf(tls))
  if (said.length > 0)
    issues.push({
      path: 'url',
      message: `says ${said.join(', ')}, which would stand in the way of tls (DB_TLS_ENABLED): say it in one place`,
    })
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'TLS can not be spoken to PostgreSQL like this', issues)
}
