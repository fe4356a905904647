import { chownSync } from 'node:fs'
import { join } from 'node:path'

import { postgresAccount } from './account.ts'
import { postgresHome } from './postgres-home.ts'
import { postgresServer } from './postgres.ts'
import {
  sharedFolder,
  startInFolder,
  temporaryFolder,
  withArguments,
  type TestServer,
} from './test-server.ts'
import { postgresWithTls } from './test-tls.ts'
import type { TestTls } from './tls-files.ts'

export { startTestCluster, type TestCluster, type TestClusterOptions } from './test-cluster.ts'
export { findTestTls, findTestValkey, startTestRedis, type TestRedisOptions } from './test-redis.ts'
export { startTestReplicas, type TestReplicas, type TestReplicasOptions } from './test-replication.ts'
export { startTestSentinel, type TestSentinel, type TestSentinelOptions } from './test-sentinel.ts'
export type { SlotMigration } from './slot-migration.ts'
export type { TestServer } from './test-server.ts'
export type { TestTls } from './tls-files.ts'

export interface TestPostgresOptions {
  /** It takes connections with TLS, and no others. */
  tls?: TestTls
}

/** A PostgreSQL that does not wait for the disk. */
export async function startTestPostgres({ tls }: TestPostgresOptions = {}): Promise<TestServer> {
  const dir = temporaryFolder('postgres')
  const account = await postgresAccount(join(dir, 'postgres'))
  if (account) chownSync(dir, account.uid, account.gid)
  const { folder } = await postgresHome(sharedFolder())
  const server = await postgresServer(dir, { engines: join(folder, 'engines'), onProgress: () => {} })
  const shaped = tls ? postgresWithTls(server, tls) : server
  return startInFolder(dir, withArguments(shaped, ['-c', 'fsync=off']))
}
