import { noLog } from '../../core/service.ts'
import type { Connection, ConnectionOptions } from '../connection.ts'
import { toConnectError } from '../errors.ts'
import { whereabouts, type Access, type Whereabouts } from './access.ts'
import { nameOf, parseAddress, type Address } from './address.ts'
import { Cluster } from './cluster.ts'
import { RoutedConnection } from './routed-connection.ts'
import { Sentinels } from './sentinel.ts'
import { routeTo, SocketConnection, type Route } from './socket-connection.ts'
import { Watch } from './watch.ts'

/** How long connecting to one of those that are asked for the way may take, before another one is asked. */
const ASK_CONNECT_MS = 1_000

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
  return {
    connect: (name, onClose) => opened(new SocketConnection(route, options, name, onClose), where.shown),
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
  const sentinels = new Sentinels(
    place.name,
    place.nodes.map((node) => {
      const sentinel = new SocketConnection(routeTo(node, place.access), quiet(options), 'millrace-sentinel')
      sentinel.start()
      return sentinel
    }),
  )
  const mapped = mapping(options)
  const locate = async () => mapped(await sentinels.master())
  const followers = new Set<SocketConnection>()
  const watch = new Watch(async () => {
    const master = nameOf(await locate())
    for (const follower of followers) {
      if (nameOf(follower.address) !== master) follower.moveOn(`the master is ${master} now`)
    }
  })
  return {
    async connect(name, onClose) {
      const gone = () => {
        followers.delete(connection)
        onClose?.()
      }
      const connection = new SocketConnection({ locate, access, mastersOnly: true }, options, name, gone)
      followers.add(connection)
      return opened(connection, shown)
    },
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
  const asker = (locate: Route['locate']) =>
    new SocketConnection({ locate, access }, quiet(options), 'millrace-cluster')
  const cluster = new Cluster(seeds, asker, mapping(options))
  await cluster.open().catch((error: unknown) => {
    throw toConnectError(shown, error)
  })
  const routed = new Set<RoutedConnection>()
  const watch = new Watch(async () => {
    const { masters } = await cluster.refresh()
    for (const connection of routed) connection.leaveAllBut(masters)
  })
  return {
    async connect(name, onClose) {
      const connectTo = (address: Address) => new SocketConnection(routeTo(address, access), options, name)
      const gone = () => {
        routed.delete(connection)
        onClose?.()
      }
      const connection = new RoutedConnection(cluster, connectTo, gone)
      routed.add(connection)
      return connection
    },
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
