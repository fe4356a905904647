import { setTimeout as sleep } from 'node:timers/promises'
import { MillraceError } from '../../core/errors.ts'
import type { Argument, Connection, ReplyAs, ServerConnection, Socket } from '../connection.ts'
import { closedError, redirectOf, remedyFor, replyCode } from '../errors.ts'
import { slotOf } from '../slots.ts'
import { nameOf, parseAddress, type Address } from './address.ts'
import type { Cluster } from './cluster.ts'
import { commandKey } from './command-key.ts'
import type { SlotMap } from './slot-map.ts'
import type { SocketConnection } from './socket-connection.ts'

/** More redirections than this in a row are a cluster that does not know itself; the caller backs off. */
const MAX_REDIRECTS = 8
/** So long a node that was only told of by redirections is kept without any: longer than a read is blocked. */
const REDIRECTED_MS = 5_000
/** While the keys of one command are on two nodes, it is asked again this often. */
const TRY_AGAIN_MS = [10, 20, 40, 80, 160, 320] as const

/**
 * A way to all masters of a cluster, with a socket to each one that is needed. A command goes to the master of its key.
 * Where Redis answers that the slot is elsewhere nothing was done, so it is sent there: at once when the slot has moved,
 * and once only while it is being moved. What was sent and not answered is for the caller to judge.
 */
export class RoutedConnection implements Connection {
  readonly #cluster: Cluster
  readonly #connect: (address: Address) => SocketConnection
  readonly #servers = new Map<string, SocketConnection>()
  /** Those that the cluster said are masters. */
  readonly #masters = new Set<string>()
  /** Those that it did not tell of yet, and when a redirection last led there. */
  readonly #redirectedAt = new Map<string, number>()
  #closed = false
  readonly #onClose: () => void

  constructor(cluster: Cluster, connect: (address: Address) => SocketConnection, onClose: () => void) {
    this.#cluster = cluster
    this.#connect = connect
    this.#onClose = onClose
  }

  send<T = unknown>(args: readonly Argument[], deadlineMs?: number, replyAs?: ReplyAs): Promise<T> {
    return this.#route(commandKey(args), (socket) => socket.send<T>(args, deadlineMs, replyAs))
  }

  together<T>(key: string, work: (socket: Socket) => Promise<T>): Promise<T> {
    return this.#route(key, work)
  }

  serverOf(key: string): ServerConnection {
    return this.#server(this.#cluster.map.masterOf(slotOf(key)))
  }

  masters(): ServerConnection[] {
    return this.#cluster.map.masters.map((address) => this.#server(address))
  }

  async whenReady(timeoutMs: number, key?: string): Promise<void> {
    const { map } = this.#cluster
    const addresses = key === undefined ? map.masters : [map.masterOf(slotOf(key))]
    await Promise.all(addresses.map((address) => this.#server(address).whenReady(timeoutMs)))
  }

  /**
   * Ends what leads to nodes that are masters no longer: they may be frozen, and would take writes that are lost. A node
   * that gets its first slots is told of by redirections long before it is a master.
   */
  follow(map: SlotMap): void {
    for (const [name, server] of this.#servers) {
      if (map.isMaster(name)) {
        this.#masters.add(name)
        this.#redirectedAt.delete(name)
      } else if (this.#masters.delete(name) || map.isReplica(name) || !this.#isNew(name)) {
        this.#servers.delete(name)
        this.#redirectedAt.delete(name)
        void server.close()
      }
    }
  }

  #isNew(name: string): boolean {
    return performance.now() - (this.#redirectedAt.get(name) ?? -Infinity) < REDIRECTED_MS
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#onClose()
    await Promise.all([...this.#servers.values()].map((server) => server.close()))
  }

  async #route<T>(key: string | undefined, work: (socket: Socket) => Promise<T>): Promise<T> {
    const slot = key === undefined ? undefined : slotOf(key)
    const { map } = this.#cluster
    let server = this.#server(slot === undefined ? map.anyMaster : map.masterOf(slot))
    let asking = false
    let waits = 0
    for (let hops = 0; ;) {
      try {
        return await (asking ? server.asking(work) : server.together('', work))
      } catch (thrown) {
        const error = this.#judge(thrown as MillraceError)
        const redirect = redirectOf(error)
        if (redirect && hops++ < MAX_REDIRECTS) {
          const address = this.#redirected(redirect.to, server.address)
          asking = redirect.kind === 'ASK'
          if (!asking && slot !== undefined) this.#cluster.map.learn(slot, address)
          this.#redirectedAt.set(nameOf(address), performance.now())
          server = this.#server(address)
        } else if (replyCode(error) === 'TRYAGAIN' && waits < TRY_AGAIN_MS.length) {
          await sleep(TRY_AGAIN_MS[waits++]!)
        } else {
          throw error
        }
      }
    }
  }

  /** What was said may be news of the whole cluster. */
  #judge(error: MillraceError): MillraceError {
    if (this.#closed) return error.code === 'REDIS_UNAVAILABLE' ? closedError() : error
    // A connection that was left because its node is no master any more is not one that the caller closed.
    if (error.code === 'CLOSED')
      return new MillraceError('REDIS_UNAVAILABLE', error.message, { cause: error })
    if (remedyFor(error) === 'reconnect' || replyCode(error) === 'CLUSTERDOWN') {
      this.#cluster.doubt()
    }
    return error
  }

  #redirected(to: string, asked: Address): Address {
    // A node that does not know the name of another one, or shall not tell, means the one that it was asked by.
    const port = /^\??:(\d+)$/.exec(to)?.[1]
    const told = port === undefined ? parseAddress(to, 'redirect') : { ...asked, port: Number(port) }
    return this.#cluster.addressOf(told)
  }

  #server(address: Address): SocketConnection {
    const name = nameOf(address)
    const known = this.#servers.get(name)
    if (known) return known
    if (this.#closed) throw closedError()
    const server = this.#connect(address)
    this.#servers.set(name, server)
    server.start()
    return server
  }
}
