import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { probePostgres } from './postgres.ts'
import { probeRedis } from './redis.ts'
import type { Server } from './server.ts'
import { tlsFilesOf, writeTlsFiles, type TestTls } from './tls-files.ts'

/** The same server with its port for TLS alone. */
export function redisWithTls(server: Server, tls: TestTls): Server {
  return {
    ...server,
    place: ['--dir', server.dataDir, '--tls-port'],
    async prepare() {
      const launch = await server.prepare()
      const { ca, cert, key } = writeTlsFiles(server.dataDir, tls, launch.account)
      const files = ['--tls-ca-cert-file', ca, '--tls-cert-file', cert, '--tls-key-file', key]
      const clients = ['--tls-auth-clients', tls.clientCertificates ? 'yes' : 'no']
      return { ...launch, args: [...launch.args, '--port', '0', ...files, ...clients] }
    },
    probe: (pid, port) => probeRedis(pid, port, tls),
    url: (port) => `rediss://127.0.0.1:${port}`,
  }
}

/** The same server, which lets nobody in without TLS. Whoever connects still needs the password of the URL. */
export function postgresWithTls(server: Server, tls: TestTls): Server {
  const { dataDir } = server
  return {
    ...server,
    async prepare() {
      const launch = await server.prepare()
      const { ca, cert, key } = writeTlsFiles(dataDir, tls, launch.account)
      const clients = tls.clientCertificates ? ' clientcert=verify-full' : ''
      writeFileSync(join(dataDir, 'pg_hba.conf'), `hostssl all all 127.0.0.1/32 scram-sha-256${clients}\n`)
      const settings = ['ssl=on', `ssl_ca_file=${ca}`, `ssl_cert_file=${cert}`, `ssl_key_file=${key}`]
      return { ...launch, args: [...launch.args, ...settings.flatMap((setting) => ['-c', setting])] }
    },
    probe: (_pid, port) => {
      const { ca, cert, key } = tlsFilesOf(dataDir)
      const query = new URLSearchParams({ sslmode: 'no-verify', sslrootcert: ca, sslcert: cert, sslkey: key })
      return probePostgres(`${server.url(port)}?${query}`, dataDir)
    },
  }
}
