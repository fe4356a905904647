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

export { startTestCluster, type TestCluster, type TestClusterOptions } from './test-cluster.ts'
export { findTestValkey, startTestRedis, type TestRedisOptions } from './test-redis.ts'
export { startTestReplicas, type TestReplicas, type TestReplicasOptions } from './test-replication.ts'
export { startTestSentinel, type TestSentinel, type TestSentinelOptions } from './test-sentinel.ts'
export type { SlotMigration } from './slot-migration.ts'
export type { TestServer } from './test-server.ts'

/** A PostgreSQL that does not wait for the disk. */
export async function startTestPostgres(): Promise<TestServer> {
  const dir = temporaryFolder('postgres')
  const account = await postgresAccount(join(dir, 'postgres'))
  if (account) chownSync(dir, account.uid, account.gid)
  const { folder } = await postgresHome(sharedFolder())
  const server = await postgresServer(dir, { engines: join(folder, 'engines'), onProgress: () => {} })
  return startInFolder(dir, withArguments(server, ['-c', 'fsync=off']))
}
