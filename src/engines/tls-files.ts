import { chownSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import type { Account } from './account.ts'

/** What a server with TLS shows, and whom it lets in; all of it PEM. */
export interface TestTls {
  /** Signs the certificates of clients. */
  ca: string
  cert: string
  key: string
  /** Clients must show a certificate. Default: false. */
  clientCertificates?: boolean
}

/** The paths of what was written for the data in a folder. */
export const tlsFilesOf = (dataDir: string) => filesIn(dirname(dataDir))

const filesIn = (folder: string) => ({
  ca: join(folder, 'tls-ca.pem'),
  cert: join(folder, 'tls-cert.pem'),
  key: join(folder, 'tls-key.pem'),
})

/** Beside the data; a server takes a key only where nobody but its own account can read it. */
export function writeTlsFiles(dataDir: string, tls: TestTls, account: Account | undefined) {
  const files = tlsFilesOf(dataDir)
  for (const name of ['ca', 'cert', 'key'] as const) {
    writeFileSync(files[name], tls[name], { mode: 0o600 })
    if (account) chownSync(files[name], account.uid, account.gid)
  }
  return files
}
