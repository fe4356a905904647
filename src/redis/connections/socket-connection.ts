import { RESP_TYPES } from '@redis/client'
import { backoffMs } from '../../core/backoff.ts'
import type { MillraceError } from '../../core/errors.ts'
import { noLog, type Log } from '../../core/service.ts'
import type {
  Argument,
  Connection,
  ConnectionOptions,
  ReplyAs,
  Sender,
  ServerConnection,
  Socket,
} from '../connection.ts'
import { closedError, offlineError, replyCode, toCommandError } from '../errors.ts'
import type { Access } from './access.ts'
import { nameOf, type Address } from './address.ts'
import { limitHandshake, socketClient, type SocketClient } from './client.ts'

/** Where a connection leads to. */
export interface Route {
  /** Asked before every attempt to connect. */
  locate(): Promise<Address>
  readonly access: Access
  /** Where it leads to, when that is known before. */
  readonly address?: Address
  /** What has to go well with whoever is found there, before it counts as connected. */
  readonly greet?: (server: Sender) => Promise<void>
}

const DEFAULT_CONNECT_TIMEOUT_MS = 10_000
/** The most for every attempt after the first success: a network that lost the first bytes is soon tried again. */
const MAX_RECONNECT_TIMEOUT_MS = 3_000
const DEFAULT_COMMAND_TIMEOUT_MS = 5_000
/** Longest pause between two attempts to reconnect: Redis is back in use within 2 s of being ready. */
const MAX_RECONNECT_DELAY_MS = 1_000
const AS_BYTES = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } }
const NOT_YET_KNOWN: Address = { host: 'unknown', port: 0 }

/** To one address, for ever. */
export const routeTo = (address: Address, access: Access): Route => ({
  locate: async () => address,
  access,
  address,
})

/**
 * One connection that mends itself. A command that gets no reply within its deadline takes the connection with it:
 * on a half-open socket nothing else would ever notice. Each socket has a client of its own, made where the route leads
 * to by then; the client's own queue is off.
 */
export class SocketConnection implements Connection, ServerConnection {
  readonly #route: Route
  readonly #options: ConnectionOptions
  readonly #name: string
  readonly #log: Log
  readonly #onClose: () => void
  #address: Address
  /** The one that commands are sent on, or that is being opened. */
  #client: SocketClient | undefined
  #ready = false
  #closed = false
  #epoch = 0
  /** Attempts that failed in a row, and what the last one failed with. */
  #failures = 0
  #fault: Error | undefined
  /** When the connection may next be made anew because its server is a replica. */
  #moveOnAt = 0
  #first: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  readonly #waiters = new Set<() => void>()

  /** @param name shown by CLIENT LIST */
  constructor(route: Route, options: ConnectionOptions, name: string, onClose = () => {}) {
    this.#route = route
    this.#address = route.address ?? NOT_YET_KNOWN
    this.#options = options
    this.#name = name
    this.#log = options.log ?? noLog
    this.#onClose = onClose
  }

  /**
   * Makes one attempt to connect. After a first success it reconnects for ever, by itself.
   *
   * @throws what the attempt failed with; the connection is closed then
   */
  async open(): Promise<void> {
    try {
      await this.attempt()
    } catch (error) {
      await this.close()
      throw error
    }
  }

  /** Connects, and goes on trying if need be. Commands that are sent meanwhile wait for the first attempt. */
  start(): void {
    const first = this.attempt().catch((error: unknown) => this.#retry(error as Error))
    this.#first = first
    // Comes before those that wait for it, so that nothing overtakes them.
    void first.then(() => (this.#first = undefined))
  }

  get address(): Address {
    return this.#address
  }

  get ready(): boolean {
    return this.#ready
  }

  get epoch(): number {
    return this.#epoch
  }

  send<T = unknown>(args: readonly Argument[], deadlineMs?: number, replyAs?: ReplyAs): Promise<T> {
    return this.#first
      ? this.#first.then(() => this.#send(this.#client, args, deadlineMs, replyAs))
      : this.#send(this.#client, args, deadlineMs, replyAs)
  }

  async together<T>(_key: string, work: (socket: Socket) => Promise<T>): Promise<T> {
    await this.#first
    const client = this.#client
    return work({
      line: client ?? this,
      send: (args, deadlineMs, replyAs) => this.#send(client, args, deadlineMs, replyAs),
    })
  }

  /** The same, for a key that is being moved here. */
  async asking<T>(work: (socket: Socket) => Promise<T>): Promise<T> {
    await this.#first
    const client = this.#client
    return work({
      line: client ?? this,
      send: (args, deadlineMs, replyAs) => {
        // It counts for the next command on this socket, and both are written in one go.
        this.#send(client, ['ASKING']).catch(() => {})
        return this.#send(client, args, deadlineMs, replyAs)
      },
    })
  }

  serverOf(): ServerConnection {
    return this
  }

  masters(): ServerConnection[] {
    return [this]
  }

  async whenReady(timeoutMs: number): Promise<void> {
    if (this.ready || this.#closed) return
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        this.#waiters.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, timeoutMs)
      this.#waiters.add(wake)
    })
  }

  /** Goes where the route leads to by now, at once; commands under way fail as uncertain. */
  moveOn(reason: string): void {
    this.#failures = 0
    if (this.#client) this.#replace(this.#client, reason)
    if (this.#timer) this.#reconnect(0)
  }

  async close(): Promise<void> {
    if (!this.#closed) this.#onClose()
    this.#closed = true
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#leave(this.#client)
    this.#wake()
  }

  async #send<T>(
    client: SocketClient | undefined,
    args: readonly Argument[],
    deadlineMs?: number,
    replyAs?: ReplyAs,
  ): Promise<T> {
    if (this.#closed) throw closedError()
    if (!client || client !== this.#client || !this.#ready) throw this.#offline()
    const ms = deadlineMs ?? this.#options.commandTimeoutMs ?? DEFAULT_COMMAND_TIMEOUT_MS
    let waiting = true
    const judge = () => waiting && this.#replace(client, `no reply to ${args[0]} within ${ms} ms`)
    // Where it was this process that had no time, the reply is there: it is read before anybody is blamed.
    const timer = setTimeout(() => setImmediate(judge), ms)
    try {
      return await client.sendCommand<T>(args, replyAs === 'bytes' ? AS_BYTES : undefined)
    } catch (error) {
      throw this.#leaveReplica(client, toCommandError(error))
    } finally {
      waiting = false
      clearTimeout(timer)
    }
  }

  /** Connects once, to where the route leads to. */
  async attempt(): Promise<void> {
    const address = await this.#route.locate()
    if (this.#closed) throw closedError()
    const client = this.#createClient(address)
    this.#client = client
    this.#address = address
    const unlimited = limitHandshake(client, this.#connectTimeoutMs)
    try {
      await client.connect()
      // Given up before its socket was there: then the client connects all the same.
      if (!client.isOpen) throw this.#offline()
      await this.#greet(client)
    } catch (error) {
      if (this.#client === client) this.#leave(client)
      else client.destroy()
      throw unlimited() ?? error
    } finally {
      unlimited()
    }
    if (this.#client !== client) throw this.#offline()
    this.#ready = true
    this.#failures = 0
    this.#fault = undefined
    this.#epoch++
    this.#wake()
  }

  async #greet(client: SocketClient): Promise<void> {
    const send = <T>(args: readonly Argument[]): Promise<T> =>
      client.sendCommand<T>(args).catch((error: unknown) => {
        throw toCommandError(error)
      })
    await this.#route.greet?.({ send })
  }

  #offline(): MillraceError {
    const fault = this.#fault
    return offlineError(fault, fault && `${nameOf(this.#address)}: ${fault.message}`)
  }

  #createClient(address: Address): SocketClient {
    const client = socketClient(address, this.#route.access, this.#name, this.#connectTimeoutMs)
    client.on('error', (error: Error) => {
      if (this.#client !== client || !this.#ready) return
      this.#log.warn({ error }, `Redis connection ${this.#name}: ${error.message}`)
      this.#lose(client)
      client.destroy()
    })
    return client
  }

  get #connectTimeoutMs(): number {
    const ms = this.#options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS
    return this.#epoch === 0 ? ms : Math.min(ms, MAX_RECONNECT_TIMEOUT_MS)
  }

  /** A replica was a master once: by now the route may lead to its successor. What is under way may end here. */
  #leaveReplica(client: SocketClient, error: MillraceError): MillraceError {
    if (replyCode(error) === 'READONLY' && this.#client === client && Date.now() >= this.#moveOnAt) {
      this.#moveOnAt = Date.now() + MAX_RECONNECT_DELAY_MS
      this.#log.warn({}, `Redis connection ${this.#name} is given up: its server is a replica`)
      client.close().catch(() => {})
      this.#lose(client)
    }
    return error
  }

  #replace(dead: SocketClient, reason: string): void {
    if (!this.#closed && this.#client === dead && this.#ready) {
      this.#log.warn({}, `Redis connection ${this.#name} is given up: ${reason}`)
      this.#lose(dead)
    }
    dead.destroy()
  }

  #lose(client: SocketClient): void {
    if (this.#closed || this.#client !== client) return
    this.#ready = false
    this.#client = undefined
    this.#reconnect()
  }

  #reconnect(delayMs = reconnectDelay(this.#failures)): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.attempt().then(
        () => this.#log.info({}, `Redis connection ${this.#name} is back`),
        (error: unknown) => this.#retry(error as Error),
      )
    }, delayMs)
  }

  #retry(error: Error): void {
    if (this.#closed) return
    // An outage of hours is told by its reasons, and now and then, not by each attempt of each connection.
    const isNews = error.message !== this.#fault?.message || this.#failures % RETRIES_PER_LINE === 0
    this.#fault = error
    const line = `Redis connection ${this.#name}: ${error.message}`
    if (isNews) this.#log.warn({ error }, line)
    else this.#log.debug({ error }, line)
    this.#reconnect()
    this.#failures++
  }

  #leave(client: SocketClient | undefined): void {
    this.#ready = false
    if (this.#client === client) this.#client = undefined
    client?.destroy()
  }

  #wake(): void {
    for (const wake of this.#waiters) wake()
  }
}

/** Of failures that say the same, one in so many is told above debug. */
const RETRIES_PER_LINE = 30

/** Doubling from 50 ms, with jitter so that a fleet does not come back in one moment. */
const reconnectDelay = (failures: number): number =>
  backoffMs(50, failures, MAX_RECONNECT_DELAY_MS) * (0.75 + Math.random() / 4)
