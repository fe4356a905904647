import { startTestRedis, type TestServer } from '../../src/engines/test-servers.ts'
import { Connection } from '../../src/redis/connection.ts'
import { RedisStreamLog } from '../../src/redis/redis-log.ts'
import { useOnce } from './use.ts'

/** A Redis for the tests of one file; `args` go to the server. */
export const useRedisServer = (options: { args?: string[] } = {}): TestServer =>
  useOnce(
    () => startTestRedis(options),
    (server) => server.stop(),
  )

/** The same, with a connection of the tests' own past whatever is tested. */
export function useRedis(options: { args?: string[] } = {}): { server: TestServer; admin: Connection } {
  const server = useRedisServer(options)
  const admin = useOnce(
    () => Connection.open({ url: server.url }, 'test-admin'),
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
