import { join } from 'node:path'
import { startTestCluster, type TestServer } from '../../src/engines/test-servers.ts'
import { slotOf } from '../../src/redis/slots.ts'
import { startFaultProxy } from '../../src/testing/fault-proxy.ts'
import { Admin, allClients, allKeys } from '../admin.ts'
import { insist } from '../insist.ts'
import { LANE_NAMES, LANES } from '../load.ts'
import { REDIS_USER, type Topology, type TopologyOptions } from './topology.ts'

const PATIENCE_MS = 60_000
/** One of each master of the beginning. */
const SLOTS_OF_ALL = [0, 8_000, 16_000]

/** Three masters with a replica each; a proxy stands before each of the six servers. */
export async function startCluster({ password }: TopologyOptions): Promise<Topology> {
  const lab = await startTestCluster({
    args: [
      '--appendonly yes --appendfsync everysec --busy-reply-threshold 200'.split(' '),
      ['--user', REDIS_USER, 'on', `>${password}`, '~*', '&*', '+@all'],
    ].flat(),
  })
  const proxies = await Promise.all(lab.servers.map(({ port }) => startFaultProxy({ port })))
  const admins = await Promise.all(lab.servers.map(({ url }) => Admin.open(url)))
  const adminOf = (server: TestServer): Admin => admins[lab.servers.indexOf(server)]!
  const slots = LANE_NAMES.map((lane) => slotOf(LANES[lane].stream))
  const masterOf = (victim: number) => lab.masterOf(slots[victim % slots.length]!)
  const masters = async () => [...new Set(await Promise.all(SLOTS_OF_ALL.map((slot) => lab.masterOf(slot))))]
  const send = <T>(args: readonly string[], key: string = LANES.plain.stream): Promise<T> => {
    const end = performance.now() + PATIENCE_MS
    return insist(
      async () => adminOf(await lab.masterOf(slotOf(key))).ask<T>(args),
      () => performance.now() > end,
    )
  }
  const onEach = async <T>(ask: (admin: Admin) => Promise<T[]>): Promise<T[]> =>
    (await Promise.all((await masters()).map((master) => ask(adminOf(master))))).flat()
  return {
    redis: {
      cluster: { nodes: lab.nodes },
      username: REDIS_USER,
      password,
      addressMap: Object.fromEntries(lab.nodes.map((node, n) => [node, `127.0.0.1:${proxies[n]!.port}`])),
    },
    proxies,
    server: masterOf,
    async replicas() {
      const serving = await masters()
      return lab.servers.filter((server) => !serving.includes(server))
    },
    failover: async (victim) => lab.failover(await masterOf(victim)),
    async migrate(victim) {
      const from = await masterOf(victim)
      const to = (await masters()).find((master) => master !== from)
      await lab.migrateSlot(slots[victim % slots.length]!, to!)
    },
    settled: () => lab.settled(),
    logs: lab.servers.map(({ dir }) => join(dir, 'redis.log')),
    send,
    info: () => onEach(async (admin) => [await admin.send<string>(['INFO'])]),
    keys: () => onEach((admin) => allKeys((args) => admin.send(args))),
    clients: () => onEach((admin) => allClients((args) => admin.send(args))),
    async stop() {
      for (const admin of admins) admin.close()
      await Promise.all(proxies.map((proxy) => proxy.stop()))
      await lab.stop()
    },
  }
}
