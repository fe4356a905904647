import { toError } from '../core/errors.ts'
import type { Log, Service } from '../core/service.ts'
import type { Database } from './database.ts'
import { deleteOld } from './delete-old.ts'

const HOUR_MS = 3_600_000
/** Only redelivered entries are looked up: long enough for a service that is down over a holiday. */
export const DEFAULT_KEEP_MS = 7 * 24 * HOUR_MS
/** Redis forgets an `Idempotency-Key` sooner; a row that outlives it is harmless, since keys are used for one request. */
const REQUESTS_KEEP_MS = 24 * HOUR_MS
/** What was pending while everything was down is recognised before its rows can go. */
const FIRST_AFTER_MS = 600_000

/**
 * Gives the inbox, and what is kept of requests, a bounded life: ten minutes after the start and then every hour what is
 * too old is forgotten.
 */
export class InboxPruner implements Service {
  readonly #database: Database
  readonly #log: Log
  readonly #keepMs: number
  #first: NodeJS.Timeout | undefined
  #timer: NodeJS.Timeout | undefined
  #pruning: Promise<void> = Promise.resolve()
  #stopped = false

  /** @param keepMs how long an entry may be pending after it was processed, and is still known as processed */
  constructor(database: Database, log: Log, keepMs = DEFAULT_KEEP_MS) {
    this.#database = database
    this.#log = log
    this.#keepMs = keepMs
  }

  async start(): Promise<void> {
    const prune = () => {
      this.#pruning = this.#pruneQuietly()
    }
    this.#first = setTimeout(prune, FIRST_AFTER_MS).unref()
    this.#timer = setInterval(prune, HOUR_MS).unref()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#first)
    clearInterval(this.#timer)
    await this.#pruning
  }

  /** Forgets what was processed before `olderThan`. Instances that do it at the same time share the work. */
  prune(olderThan: Date): Promise<void> {
    return this.#delete('millrace_inbox', 'processed_at', olderThan)
  }

  /** The same for what requests with an `Idempotency-Key` did. */
  pruneRequests(olderThan: Date): Promise<void> {
    return this.#delete('millrace_requests', 'created_at', olderThan)
  }

  #delete(table: string, time: string, olderThan: Date): Promise<void> {
    return deleteOld(this.#database, { table, time, olderThan, shared: true }, () => this.#stopped)
  }

  async #pruneQuietly(): Promise<void> {
    try {
      await this.prune(new Date(Date.now() - this.#keepMs))
      await this.pruneRequests(new Date(Date.now() - REQUESTS_KEEP_MS))
    } catch (error) {
      this.#log.warn(
        { error },
        `the inbox could not be pruned, next try in an hour: ${toError(error).message}`,
      )
    }
  }
}
