import { infoOf } from './ask-redis.ts'
import { startRedis, withConfiguration, type TestRedisOptions } from './test-redis.ts'
import { endTogether, orEnd, startTogether, type TestServer } from './test-server.ts'
import { until } from './until.ts'

const PATIENCE_MS = 20_000
/** A new replica waits for no others to share the transfer with. */
const AT_ONCE = ['--repl-diskless-sync-delay', '0']

export interface TestReplicasOptions extends Omit<TestRedisOptions, 'tls'> {
  /** Default: 1. */
  replicas?: number
}

export interface TestReplicas {
  readonly master: TestServer
  readonly replicas: readonly TestServer[]
  /** Waits until every replica that the master shall have is linked to it. */
  settled(): Promise<void>
  /** Ends all of them and removes their folders. */
  stop(): Promise<void>
}

/**
 * A master with replicas that have caught up. Each keeps its role in a configuration file, so it comes back with it.
 * The arguments go to all of them.
 */
export async function startTestReplicas({
  replicas = 1,
  ...options
}: TestReplicasOptions = {}): Promise<TestReplicas> {
  const start = (lines: string[]): Promise<TestServer> =>
    startRedis({ ...options, args: [...AT_ONCE, ...(options.args ?? [])] }, (server) =>
      withConfiguration(server, lines),
    )
  const master = await start([])
  const follow = [`replicaof 127.0.0.1 ${master.port}`]
  const following = await orEnd([master], () =>
    startTogether(Array.from({ length: replicas }, () => start(follow))),
  )
  const all = [master, ...following]
  const settled = () => untilLinked(master, following)
  await orEnd(all, settled)
  return { master, replicas: following, settled, stop: () => endTogether(all) }
}

/** Waits until these replicas have caught up with that master, and it knows. */
export async function untilLinked(master: TestServer, replicas: readonly TestServer[]): Promise<void> {
  const linked = async () =>
    (await Promise.all(replicas.map((replica) => isLinked(replica, master)))).every(Boolean)
  await until(`the replicas of ${master.url}`, linked, PATIENCE_MS)
}

/** A replica finds itself linked a moment before its master begins to send it what is written: both have to say so. */
export async function isLinked(replica: TestServer, master: TestServer): Promise<boolean> {
  const [below, above] = await Promise.all([replica, master].map(({ port }) => infoOf(port, 'replication')))
  const online = `,port=${replica.port},state=online,`
  return (
    below!.get('master_port') === String(master.port) &&
    below!.get('master_link_status') === 'up' &&
    [...above!.values()].some((value) => value.includes(online))
  )
}

export const isMaster = async (server: TestServer): Promise<boolean> =>
  (await infoOf(server.port, 'replication')).get('role') === 'master'
