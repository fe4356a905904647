import { noLog } from '../../core/service.ts'
import type { Connection, ConnectionOptions, Sender } from '../connection.ts'
import { replyCode, toConnectError } from '../errors.ts'
import { whereabouts, type Access, type Whereabouts } from './access.ts'
import { nameOf, parseAddress, type Address } from './address.ts'
import { Cluster } from './cluster.ts'
import { RoutedConnection } from './routed-connection.ts'
import { Sentinels } from './sentinel.ts'
import { routeTo, SocketConnection, type Route } from './socket-connection.ts'
import { Watch } from './watch.ts'

/** How long connecting to one of those that are asked for the way may take, before another one is asked. */
const ASK_CONNECT_MS = 3_000

/** The servers that the options lead to. Connections are of those that are masters, and follow when others become so. */
export interface RedisServers {
  /**
   * Makes one attempt to connect. After a first success it reconnects for ever, by itself.
   *
   * @param name shown by CLIENT LIST
   * @param onClose called when the connection is closed
   * @throws MillraceError `REDIS_UNAVAILABLE`
   */
  connect(name: string, onClose?: () => void): Promise<Connection>
  /** The same without waiting: it connects by itself, and goes on trying. */
  start(name: string): Connection
  /** Ends what asks for the masters, not what was connected. Idempotent. */
  close(): Promise<void>
}

/**
 * @throws MillraceError `REDIS_UNAVAILABLE` where nobody can say who the masters are, or `CONFIGURATION_INVALID`
 */
export async function openServers(options: ConnectionOptions): Promise<RedisServers> {
  const where = whereabouts(options)
  if (where.place.kind === 'cluster') return openCluster(where, where.place.nodes, options)
  if (where.place.kind === 'sentinel') return openSentinels(where, where.place, options)
  const { address } = where.place
  const route = routeTo(address, where.access)
  const create = (name: string, onClose?: () => void) => new SocketConnection(route, options, name, onClose)
  return {
    connect: (name, onClose) => opened(create(name, onClose), where.shown),
    start: (name) => started(create(name)),
    close: async () => {},
  }
}

/** One connection with all that it needs to find its way, which ends with it. */
export async function openConnection(options: ConnectionOptions, name: string): Promise<Connection> {
  const servers = await openServers(options)
  try {
    return await servers.connect(name, () => void servers.close())
  } catch (error) {
    await servers.close()
    throw error
  }
}

async function openSentinels(
  { access, shown }: Whereabouts,
  place: { name: string; nodes: readonly Address[]; access: Access },
  options: ConnectionOptions,
): Promise<RedisServers> {
  const mapped = mapping(options)
  const sentinels = new Sentinels(
    place.name,
    place.nodes.map((node) => {
      const route = routeTo(node, place.access)
      return started(new SocketConnection(route, quiet(options), 'millrace-sentinel'))
    }),
  )
  const locate = async () => mapped(await sentinels.master())
  const followers = new Set<SocketConnection>()
  const watch = new Watch(async () => {
    const master = nameOf(await locate())
    for (const follower of followers) {
      if (nameOf(follower.address) !== master) follower.moveOn(`the master is ${master} now`)
    }
  })
  const follow = (name: string, onClose?: () => void): SocketConnection => {
    const gone = () => {
      followers.delete(follower)
      onClose?.()
    }
    const follower = new SocketConnection({ locate, access, greet: checkMaster }, options, name, gone)
    followers.add(follower)
    return follower
  }
  return {
    connect: (name, onClose) => opened(follow(name, onClose), shown),
    start: (name) => started(follow(name)),
    async close() {
      watch.stop()
      await sentinels.close()
    },
  }
}

async function openCluster(
  { access, shown }: Whereabouts,
  seeds: readonly Address[],
  options: ConnectionOptions,
): Promise<RedisServers> {
  const asker = (route: Pick<Route, 'locate' | 'greet'>) =>
    new SocketConnection({ ...route, access }, quiet(options), 'millrace-cluster')
  const routed = new Set<RoutedConnection>()
  const cluster = new Cluster(seeds, asker, mapping(options), (map) => {
    for (const connection of routed) connection.follow(map)
  })
  await cluster.open().catch((error: unknown) => {
    throw toConnectError(shown, error)
  })
  const watch = new Watch(() => cluster.refresh())
  const start = (name: string, onClose?: () => void): Connection => {
    const connectTo = (address: Address) => new SocketConnection(routeTo(address, access), options, name)
    const gone = () => {
      routed.delete(connection)
      onClose?.()
    }
    const connection = new RoutedConnection(cluster, connectTo, gone)
    routed.add(connection)
    return connection
  }
  return {
    // The cluster was reached; each master is when it is needed.
    connect: async (name, onClose) => start(name, onClose),
    start,
    async close() {
      watch.stop()
      await cluster.close()
    },
  }
}

async function opened(connection: SocketConnection, shown: string): Promise<Connection> {
  try {
    await connection.open()
    return connection
  } catch (error) {
    throw toConnectError(shown, error)
  }
}

function started(connection: SocketConnection): SocketConnection {
  connection.start()
  return connection
}

/** A Sentinel may name a server that is not one yet, or no longer. Whoever may not ask finds out by the first write. */
async function checkMaster(server: Sender): Promise<void> {
  const [role] = await server.send<[string]>(['ROLE']).catch((error: unknown) => {
    if (replyCode(error) === 'NOPERM') return ['master']
    throw error
  })
  if (role !== 'master') throw new Error(`the server is no master, it is a ${role}`)
}

/** Whoever asks for the way may be refused by one that is down while others answer: no news for an operator. */
const quiet = (options: ConnectionOptions): ConnectionOptions => {
  const { log = noLog } = options
  const debug = log.debug.bind(log)
  return {
    ...options,
    log: { ...noLog, debug, info: debug, warn: debug, error: debug },
    connectTimeoutMs: ASK_CONNECT_MS,
  }
}

function mapping({ addressMap = {} }: ConnectionOptions): (address: Address) => Address {
  const map = new Map(
    Object.entries(addressMap).map(([from, to]) => [from, parseAddress(to, `addressMap.${from}`)]),
  )
  return (address) => map.get(nameOf(address)) ?? address
}
