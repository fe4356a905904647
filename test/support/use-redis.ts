import { startTestRedis, type TestRedisOptions, type TestServer } from '../../src/engines/test-servers.ts'
import type { Connection } from '../../src/redis/connection.ts'
import { openConnection } from '../../src/redis/connections/servers.ts'
import { RedisStreamLog } from '../../src/redis/redis-log.ts'
import { useOnce } from './use.ts'

/** A Redis for the tests of one file; the options go to the server. */
export const useRedisServer = (options: TestRedisOptions = {}): TestServer =>
  useOnce(
    () => startTestRedis(options),
    (server) => server.stop(),
  )

/** The same, with a connection of the tests' own past whatever is tested. */
export function useRedis(options: TestRedisOptions = {}): { server: TestServer; admin: Connection } {
  const server = useRedisServer(options)
  const admin = useOnce(
    () => openConnection({ url: server.url }, 'test-admin'),
    (connection) => connection.close(),
  )
  return { server, admin }
}

/** One log for the tests of a file. */
export const useLog = (server: TestServer): RedisStreamLog =>
  useOnce(
    () => RedisStreamLog.open({ url: server.url }),
    (log) => log.close(),
  )
