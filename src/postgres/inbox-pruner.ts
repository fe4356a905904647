import { toError } from '../core/errors.ts'
import type { Log, Service } from '../core/service.ts'
import type { Database } from './database.ts'

const HOUR_MS = 3_600_000
/** Only redelivered entries are looked up: long enough for a service that is down over a holiday. */
const KEEP_MS = 7 * 24 * HOUR_MS
/** A statement that deletes no more than this keeps its locks and its transaction short. */
const MAX_ROWS = 20_000

/** Gives the inbox a bounded life: at the start and every hour it forgets what was processed longer than a week ago. */
export class InboxPruner implements Service {
  readonly #database: Database
  readonly #log: Log
  #timer: NodeJS.Timeout | undefined
  #pruning: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(database: Database, log: Log) {
    this.#database = database
    this.#log = log
  }

  async start(): Promise<void> {
    const prune = () => {
      this.#pruning = this.#pruneQuietly()
    }
    prune() // also where no instance lives for an hour
    this.#timer = setInterval(prune, HOUR_MS)
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearInterval(this.#timer)
    await this.#pruning
  }

  /** Forgets what was processed before `olderThan`. Instances that do it at the same time share the work. */
  async prune(olderThan: Date): Promise<void> {
    let deleted: number
    do {
      const [row] = await this.#database.query<{ deleted: number }>(
        `WITH old AS (
           SELECT ctid FROM millrace_inbox WHERE processed_at < $1 LIMIT ${MAX_ROWS} FOR UPDATE SKIP LOCKED
         ), gone AS (
           DELETE FROM millrace_inbox WHERE ctid = ANY(ARRAY(SELECT ctid FROM old)) RETURNING 1
         )
         SELECT count(*)::int AS deleted FROM gone`,
        [olderThan],
      )
      deleted = row!.deleted
    } while (deleted === MAX_ROWS && !this.#stopped)
  }

  async #pruneQuietly(): Promise<void> {
    try {
      await this.prune(new Date(Date.now() - KEEP_MS))
    } catch (error) {
      this.#log.warn(
        { error },
        `the inbox could not be pruned, next try in an hour: ${toError(error).message}`,
      )
    }
  }
}
