import { join } from 'node:path'
import { startTestSentinel } from '../../src/engines/test-servers.ts'
import { startFaultProxy } from '../../src/testing/fault-proxy.ts'
import { Admin, allClients, allKeys } from '../admin.ts'
import { insist } from '../insist.ts'
import { REDIS_USER, type Topology, type TopologyOptions } from './topology.ts'

const PATIENCE_MS = 60_000

/** A master with two replicas and three Sentinels; a proxy stands before each of the three servers. */
export async function startSentinel({ password }: TopologyOptions): Promise<Topology> {
  const lab = await startTestSentinel({
    args: '--appendonly yes --appendfsync everysec --busy-reply-threshold 200'.split(' '),
  })
  const proxies = await Promise.all(lab.servers.map(({ port }) => startFaultProxy({ port })))
  const admins = await Promise.all(lab.servers.map(({ url }) => Admin.open(url)))
  for (const admin of admins) {
    await admin.ask(['ACL', 'SETUSER', REDIS_USER, 'on', `>${password}`, '~*', '&*', '+@all'])
    await admin.ask(['CONFIG', 'REWRITE'])
  }
  const addressMap = Object.fromEntries(
    lab.servers.map(({ port }, n) => [`127.0.0.1:${port}`, `127.0.0.1:${proxies[n]!.port}`]),
  )
  /** Whoever is the master by then: it may change while we wait. */
  const send = <T>(args: readonly string[]): Promise<T> => {
    const end = performance.now() + PATIENCE_MS
    return insist(
      async () => admins[lab.servers.indexOf(await lab.master())]!.ask<T>(args),
      () => performance.now() > end,
    )
  }
  return {
    redis: {
      sentinel: { name: lab.name, nodes: lab.nodes },
      username: REDIS_USER,
      password,
      addressMap,
    },
    proxies,
    server: () => lab.master(),
    async replicas() {
      const master = await lab.master()
      return lab.servers.filter((server) => server !== master)
    },
    failover: () => lab.failover(),
    settled: () => lab.settled(),
    logs: [...lab.servers, ...lab.sentinels].map(({ dir }) => join(dir, 'redis.log')),
    send,
    info: async () => [await send<string>(['INFO'])],
    keys: () => allKeys(send),
    clients: () => allClients(send),
    async stop() {
      for (const admin of admins) admin.close()
      await Promise.all(proxies.map((proxy) => proxy.stop()))
      await lab.stop()
    },
  }
}
