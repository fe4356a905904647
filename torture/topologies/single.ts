import { join } from 'node:path'
import { startTestRedis } from '../../src/engines/test-servers.ts'
import { startFaultProxy } from '../../src/testing/fault-proxy.ts'
import { Admin, allClients, allKeys } from '../admin.ts'
import { REDIS_USER, type Topology, type TopologyOptions } from './topology.ts'

/** One Redis that writes every command to its disk before it answers, behind one proxy. */
export async function startSingle({ password }: TopologyOptions): Promise<Topology> {
  const server = await startTestRedis({
    args: [
      '--appendonly yes --appendfsync always --busy-reply-threshold 200'.split(' '),
      ['--user', REDIS_USER, 'on', `>${password}`, '~*', '&*', '+@all'],
    ].flat(),
  })
  const admin = await Admin.open(server.url)
  const proxy = await startFaultProxy({ port: server.port })
  const send = <T>(args: readonly string[]) => admin.send<T>(args)
  return {
    redis: { url: `redis://${REDIS_USER}:${password}@127.0.0.1:${proxy.port}` },
    proxies: [proxy],
    server: async () => server,
    settled: async () => {},
    logs: [join(server.dir, 'redis.log')],
    send,
    info: async () => [await send<string>(['INFO'])],
    keys: () => allKeys(send),
    clients: () => allClients(send),
    async stop() {
      admin.close()
      await proxy.stop()
      await server.stop()
    },
  }
}
