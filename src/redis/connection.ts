import { createClient, type RedisClientType } from '@redis/client'
import { MillraceError } from '../core/errors.ts'
import { noLog, type Log } from '../core/service.ts'
import { replyCode, toCommandError, toConnectError } from './errors.ts'

export interface ConnectionOptions {
  /** `redis://user:password@host:port/database`, or `rediss:` for TLS. */
  url: string
  log?: Log
  /** How long one attempt to connect may take, in ms (10000). */
  connectTimeoutMs?: number
  /** How long a command may take before its connection counts as dead, in ms (5000). */
  commandTimeoutMs?: number
}

const DEFAULT_CONNECT_TIMEOUT_MS = 10_000
const DEFAULT_COMMAND_TIMEOUT_MS = 5_000
/** Longest pause between two attempts to reconnect: Redis is back in use within 2 s of being ready. */
const MAX_RECONNECT_DELAY_MS = 1_000

/**
 * One connection that mends itself. A command that gets no reply within its deadline takes the connection with it:
 * on a half-open socket nothing else would ever notice. The client's own queue is off, since what is written again
 * after a lost reply is decided by whoever sent it, never by the connection.
 */
export class Connection {
  readonly #options: ConnectionOptions
  readonly #name: string
  readonly #log: Log
  #client: RedisClientType
  #wasReady = false
  #closed = false
  #epoch = 0
  /** When the connection may next be made anew because its server is a replica. */
  #moveOnAt = 0
  /** Why the client at hand is given up, when that is our decision. */
  #verdict: Error | undefined
  readonly #waiters = new Set<() => void>()

  private constructor(options: ConnectionOptions, name: string) {
    this.#options = options
    this.#name = name
    this.#log = options.log ?? noLog
    this.#client = this.#createClient()
  }

  /**
   * Makes one attempt to connect. After a first success it reconnects for ever, by itself.
   *
   * @param name shown by CLIENT LIST
   * @throws MillraceError `REDIS_UNAVAILABLE`, or `CONFIGURATION_INVALID` for a URL that is none of Redis
   */
  static async open(options: ConnectionOptions, name: string): Promise<Connection> {
    checkUrl(options.url)
    const connection = new Connection(options, name)
    try {
      await connection.#client.connect()
    } catch (cause) {
      await connection.close()
      throw toConnectError(options.url, connection.#verdict ?? cause)
    }
    return connection
  }

  get ready(): boolean {
    return this.#client.isReady
  }

  /** Changes with every new socket: what the server knew of the old one is gone. */
  get epoch(): number {
    return this.#epoch
  }

  /**
   * Sends one command; replies are raw RESP2. Fails at once while there is no connection.
   *
   * @throws MillraceError `REDIS_UNAVAILABLE` when nothing was sent, `REDIS_REFUSED` when Redis answered an error,
   *   `REDIS_UNCERTAIN` when the reply was lost: the command may have run. `CLOSED` after `close`.
   */
  async send<T = unknown>(args: readonly string[], deadlineMs?: number): Promise<T> {
    if (this.#closed) throw new MillraceError('CLOSED', 'the connection to Redis was closed')
    const client = this.#client
    const ms = deadlineMs ?? this.#options.commandTimeoutMs ?? DEFAULT_COMMAND_TIMEOUT_MS
    let waiting = true
    const judge = () => waiting && this.#replace(client, `no reply to ${args[0]} within ${ms} ms`)
    // Where it was this process that had no time, the reply is there: it is read before anybody is blamed.
    const timer = setTimeout(() => setImmediate(judge), ms)
    try {
      return await client.sendCommand<T>(args)
    } catch (error) {
      throw this.#moveOn(client, toCommandError(error))
    } finally {
      waiting = false
      clearTimeout(timer)
    }
  }

  /** Resolves when commands can be sent, or after `timeoutMs`. */
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

  /** Ends the connection; commands under way fail as uncertain. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#client.isOpen) this.#client.destroy()
    this.#wake()
  }

  #createClient(): RedisClientType {
    const client = createClient({
      url: this.#options.url,
      name: this.#name,
      // As a RESP3 map, a stream named `__proto__` would vanish from the reply.
      RESP: 2,
      disableOfflineQueue: true,
      maintNotifications: 'disabled',
      commandOptions: { timeout: 0 },
      socket: {
        connectTimeout: this.#connectTimeoutMs,
        reconnectStrategy: (retries) => this.#wasReady && reconnectDelay(retries),
      },
    }) as unknown as RedisClientType
    client.on('error', (error: Error) =>
      this.#log.warn({ error }, `Redis connection ${this.#name}: ${error.message}`),
    )
    client.on('ready', () => {
      if (this.#wasReady) this.#log.info({}, `Redis connection ${this.#name} is back`)
      this.#wasReady = true
      this.#epoch++
      this.#wake()
    })
    this.#limitHandshake(client)
    return client
  }

  /** The client waits for ever for the answers to its first commands, on a socket that is dead but open. */
  #limitHandshake(client: RedisClientType): void {
    let timer: NodeJS.Timeout | undefined
    const ms = this.#connectTimeoutMs
    client.on('connect', () => {
      timer = setTimeout(() => {
        this.#verdict = new Error(`no answer within ${ms} ms`)
        if (this.#wasReady) this.#replace(client, this.#verdict.message)
        else client.destroy()
      }, ms)
    })
    for (const event of ['ready', 'error', 'end']) client.on(event, () => clearTimeout(timer))
  }

  get #connectTimeoutMs(): number {
    return this.#options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS
  }

  /** A replica was a master once: by now the address may lead to its successor. What is under way may end here. */
  #moveOn(client: RedisClientType, error: MillraceError): MillraceError {
    if (replyCode(error) === 'READONLY' && this.#client === client && Date.now() >= this.#moveOnAt) {
      this.#moveOnAt = Date.now() + MAX_RECONNECT_DELAY_MS
      this.#succeed('its server is a replica')
      client.close().catch(() => {})
    }
    return error
  }

  #replace(dead: RedisClientType, reason: string): void {
    if (!this.#closed && this.#client === dead) this.#succeed(reason)
    dead.destroy()
  }

  /** A client that was ended can't be opened again, so another takes its place. */
  #succeed(reason: string): void {
    this.#log.warn({}, `Redis connection ${this.#name} is given up: ${reason}`)
    const client = this.#createClient()
    this.#client = client
    client.connect().catch((error: unknown) => {
      if (this.#closed || this.#client !== client) return
      this.#log.error({ error }, `Redis connection ${this.#name} can't be replaced`)
    })
  }

  #wake(): void {
    for (const wake of this.#waiters) wake()
  }
}

/** Checked by ourselves, since what the parsers throw contains the whole of it, password included. */
function checkUrl(url: string): void {
  if (/^rediss?:\/\//.test(url) && URL.canParse(url)) return
  const wanted = 'redis://user:password@host:port, with special characters in the password percent-encoded'
  throw new MillraceError('CONFIGURATION_INVALID', `the URL of Redis is not valid; write ${wanted}`)
}

/** Doubling from 50 ms, with jitter so that a fleet does not come back in one moment. */
const reconnectDelay = (retries: number): number =>
  Math.min(50 * 2 ** Math.min(retries, 10), MAX_RECONNECT_DELAY_MS) * (0.75 + Math.random() / 4)
