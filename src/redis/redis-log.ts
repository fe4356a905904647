import { MillraceError } from '../core/errors.ts'
import { checkName } from '../core/names.ts'
import { FIRST_POSITION, isPosition } from '../core/position.ts'
import type { Operations } from '../core/operations.ts'
import type { RpcLog } from '../core/rpc.ts'
import { noLog } from '../core/service.ts'
import type { Consumer, Entry, Membership, NewEntry, ReadOptions, StreamLog } from '../core/stream-log.ts'
import { Appenders, type AppendersOptions } from './append/appenders.ts'
import type { Connection, ConnectionOptions } from './connection.ts'
import { PatientConnection } from './connections/patient.ts'
import { openServers, type RedisServers } from './connections/servers.ts'
import { RedisCursors } from './cursors.ts'
import { RedisConsumer } from './group/consumer.ts'
import { notAStream, replyCode } from './errors.ts'
import { deadLetterKey, STREAM_REGISTRY_KEY } from './keys.ts'
import { redisOperations } from './operations/operations.ts'
import { checkRateLimit } from './group/rate-limit.ts'
import { memoryOf, type ServerMemory } from './memory.ts'
import { registerScript } from './register-script.ts'
import { RedisRequestMemory } from './requests/request-memory.ts'
import { RedisRpc, type RequestSettling } from './rpc/redis-rpc.ts'
import { checkServer, type ServerInfo } from './server.ts'
import { RedisKeyStore } from './settings/key-store.ts'
import { RedisSettings } from './settings/settings-store.ts'
import { StreamReader } from './stream-reader.ts'

export interface RedisLogOptions extends ConnectionOptions, AppendersOptions {
  /** Shown by CLIENT LIST before the role of the connection (`millrace`). */
  clientName?: string
  /** Accept a server that may evict streams and groups when its memory is full. Off: losing them is silent. */
  allowEviction?: boolean
}

/**
 * The StreamLog on streams of Redis. One connection publishes, one settles and asks, and each consumer and waiting
 * reader has its own: anything behind a blocked command would wait as long as it does.
 */
export class RedisStreamLog implements StreamLog {
  readonly server: ServerInfo
  /** What can be done with streams and groups beside publishing and consuming. */
  readonly operations: Operations
  /** What requests and replies need. */
  readonly rpc: RpcLog
  readonly #options: RedisLogOptions
  readonly #name: string
  readonly #servers: RedisServers
  readonly #publishing: Connection
  readonly #control: Connection
  /** The same for single calls, which wait for it; consumers have loops of their own, and must know that it is gone. */
  readonly #calls: PatientConnection
  readonly #appenders: Appenders
  readonly #reader: StreamReader

  private constructor(
    options: RedisLogOptions,
    name: string,
    servers: RedisServers,
    connections: [Connection, Connection],
    server: ServerInfo,
  ) {
    this.#options = options
    this.#name = name
    this.#servers = servers
    ;[this.#publishing, this.#control] = connections
    this.server = server
    const openWatch = () => servers.connect(`${name}-schedule`)
    const calls = (connection: Connection) => new PatientConnection(connection, options.offlineTimeoutMs)
    this.#calls = calls(this.#control)
    this.operations = redisOperations(this.#control, openWatch, options)
    this.rpc = new RedisRpc({
      calls: this.#calls,
      open: (role) => servers.connect(`${name}-${role}`),
      join: (membership, requests) => this.#joinAs(membership, requests),
    })
    this.#appenders = new Appenders(this.#publishing, () => servers.start(`${name}-durable`), options)
    this.#reader = new StreamReader(this.#calls, async () => calls(await servers.connect(`${name}-reader`)))
  }

  /**
   * Connects, once; after that it reconnects for ever.
   *
   * @throws MillraceError `REDIS_UNAVAILABLE`, or `REDIS_UNSUITABLE` for a server that would lose events
   */
  static async open(options: RedisLogOptions): Promise<RedisStreamLog> {
    const name = options.clientName ?? 'millrace'
    const servers = await openServers(options)
    const opened: Connection[] = []
    try {
      const control = await servers.connect(`${name}-control`)
      opened.push(control)
      const server = await checkServer(control, {
        ...options,
        log: options.log ?? noLog,
        allowEviction: options.allowEviction === true,
      })
      const publishing = await servers.connect(`${name}-publishing`)
      return new RedisStreamLog(options, name, servers, [publishing, control], server)
    } catch (error) {
      await Promise.all([...opened, servers].map((one) => one.close()))
      throw error
    }
  }

  async append(stream: string, entries: readonly NewEntry[]): Promise<(string | MillraceError)[]> {
    checkName('stream name', stream)
    return this.#appenders.append(stream, entries)
  }

  async read(stream: string, after: string, limit: number, options?: ReadOptions): Promise<Entry[]> {
    checkName('stream name', stream)
    return this.#reader.read(stream, after, limit, options)
  }

  async lastPosition(stream: string): Promise<string> {
    checkName('stream name', stream)
    return this.#reader.lastPosition(stream)
  }

  deadLetterStream(stream: string): string {
    return deadLetterKey(stream)
  }

  async join(membership: Membership): Promise<Consumer> {
    return this.#joinAs(membership)
  }

  async #joinAs(membership: Membership, requests?: RequestSettling): Promise<Consumer> {
    checkName('stream name', membership.stream)
    checkName('group name', membership.group)
    checkStart(membership.start)
    if (membership.rateLimit) checkRateLimit(membership.rateLimit)
    return this.#calls.insist(membership.stream, () => this.#join(membership, requests))
  }

  /** Made twice it does no harm: a group that is there stays as it is. */
  async #join(membership: Membership, requests?: RequestSettling): Promise<Consumer> {
    const log = this.#options.log ?? noLog
    const reader = await this.#servers.connect(`${this.#name}-consumer`)
    const consumer = new RedisConsumer({ control: this.#control, reader }, membership, log, requests)
    try {
      await consumer.join()
      return consumer
    } catch (error) {
      await reader.close()
      throw replyCode(error) === 'WRONGTYPE' ? notAStream(membership.stream, error) : error
    }
  }

  /**
   * Remembers a stream that was published to without being declared, so that the audit trail follows it.
   *
   * @param most how many there may be: each that is followed costs a connection
   * @throws MillraceError `TOO_MANY_STREAMS`
   */
  async register(stream: string, most = Number.MAX_SAFE_INTEGER): Promise<void> {
    const done = await registerScript.run(this.#calls, [STREAM_REGISTRY_KEY], [stream, String(most)])
    if (done === 1) return
    const message = `there are ${most} streams already that no app declares: publish to one of them, declare this one, or raise MAX_UNDECLARED_STREAMS`
    throw new MillraceError('TOO_MANY_STREAMS', message)
  }

  registered(): Promise<string[]> {
    return this.#calls.send<string[]>(['SMEMBERS', STREAM_REGISTRY_KEY])
  }

  /** The settings of a service that are changed while it runs; services are told apart by their names. */
  settings(service: string): RedisSettings {
    return new RedisSettings(this.#control, service, this.#options)
  }

  /** The API keys of a service that operators make while it runs. */
  apiKeys(service: string): RedisKeyStore {
    return new RedisKeyStore(this.#control, service, this.#options)
  }

  /**
   * How far the sources of a service were read, and who reads them.
   *
   * @param leaseMs how long a reader may not be heard of before another one takes its place (10 s)
   */
  cursors(service: string, leaseMs?: number): RedisCursors {
    return new RedisCursors(this.#control, this.#calls, service, leaseMs)
  }

  /** Requests that may be sent again, and their answers. */
  requests(): RedisRequestMemory {
    return new RedisRequestMemory(this.#control, this.#options)
  }

  /** How long Redis takes to answer on either connection, in ms; of a cluster, all its masters. It waits for no connection. */
  async ping(): Promise<number> {
    const start = performance.now()
    const servers = [this.#control, this.#publishing].flatMap((connection) => connection.masters())
    await Promise.all(servers.map((server) => server.send(['PING'])))
    return performance.now() - start
  }

  /** How much memory the server uses, and may use; of a cluster, each of its masters. It waits for no connection. */
  memory(): Promise<ServerMemory[]> {
    return Promise.all(this.#control.masters().map(memoryOf))
  }

  /**
   * A connection of its own to the same servers, for what may not wait behind consumers. It connects by itself; whoever
   * asks for it closes it.
   *
   * @param role shown by CLIENT LIST behind the name of the log
   */
  connection(role: string): Connection {
    return this.#servers.start(`${this.#name}-${role}`)
  }

  /** Waits for what is being published; consumers leave before. */
  async close(): Promise<void> {
    await this.#appenders.close()
    const parts = [this.#publishing, this.#control, this.#reader, this.#servers]
    await Promise.all(parts.map((part) => part.close()))
  }
}

function checkStart(start: string | undefined): void {
  if (start === undefined || start === '0' || start === '$' || start === FIRST_POSITION || isPosition(start))
    return
  const message = `a group starts at "0", at "$" or at a position such as 1700000000000-0, not at "${start}"`
  throw new MillraceError('CONFIGURATION_INVALID', message)
}
