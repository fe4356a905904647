import type { Client } from 'pg'
import { backoffMs } from '../core/backoff.ts'
import { toError } from '../core/errors.ts'
import { pause } from '../core/pause.ts'
import type { Log } from '../core/service.ts'
import type { Database } from './database.ts'

const DEFAULT_PING_MS = 5_000
const MIN_PAUSE_MS = 100
const MAX_PAUSE_MS = 5_000
/** Of failed attempts in a row, one in so many is told above debug. */
const ATTEMPTS_PER_LINE = 30

export interface NotificationOptions {
  channels: readonly string[]
  onNotification(channel: string, payload: string): void
  /** It listens, for the first time or again: what was told before went unheard. */
  onListening(): void
  log: Log
  /** How often it makes sure that PostgreSQL is there, and how long that may take, in ms (5000). */
  pingMs?: number
}

/** Listens to PostgreSQL on a connection of its own, and again whenever that breaks or falls silent. */
export class Notifications {
  readonly #database: Database
  readonly #options: NotificationOptions
  readonly #pingMs: number
  readonly #stopping = new AbortController()
  #running: Promise<void> | undefined

  constructor(database: Database, options: NotificationOptions) {
    this.#database = database
    this.#options = options
    this.#pingMs = options.pingMs ?? DEFAULT_PING_MS
  }

  start(): void {
    this.#running ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    for (let failures = 0; !signal.aborted;) {
      try {
        await this.#listen(() => (failures = 0))
      } catch (error) {
        const line = `not listening to PostgreSQL for a while: ${toError(error).message}`
        // An outage of hours is told now and then, not by each attempt.
        if (failures % ATTEMPTS_PER_LINE === 0) this.#options.log.warn({ error }, line)
        else this.#options.log.debug({ error }, line)
        await pause(backoffMs(MIN_PAUSE_MS, failures++, MAX_PAUSE_MS), signal)
      }
    }
  }

  /** Until it is stopped, or the connection fails. */
  async #listen(onSuccess: () => void): Promise<void> {
    const client = await this.#database.openConnection()
    try {
      const broken = failureOf(client)
      client.on('notification', ({ channel, payload }) =>
        this.#options.onNotification(channel, payload ?? ''),
      )
      await this.#ask(client)
      onSuccess()
      this.#options.onListening()
      await this.#watch(client, broken)
    } finally {
      // Not by its end, which a connection that fell silent would never come to.
      client.connection.stream.destroy()
    }
  }

  /** Asks now and then, since a connection without a partner looks like one without news. */
  async #watch(client: Client, broken: AbortSignal): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      await pause(this.#pingMs, AbortSignal.any([broken, signal]))
      if (signal.aborted) return
      broken.throwIfAborted()
      await this.#ask(client)
    }
  }

  /** Asking twice for a channel changes nothing. */
  async #ask(client: Client): Promise<void> {
    const text = this.#options.channels.map((channel) => `LISTEN ${channel}`).join(';')
    await client.query({ text, query_timeout: this.#pingMs } as { text: string })
  }
}

function failureOf(client: Client): AbortSignal {
  const broken = new AbortController()
  client.on('error', (error) => broken.abort(error))
  client.on('end', () => broken.abort(new Error('the connection ended')))
  return broken.signal
}
