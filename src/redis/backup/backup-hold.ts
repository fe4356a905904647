import { FIRST_POSITION } from '../../core/position.ts'
import type { Connection } from '../connection.ts'
import { replyCode } from '../errors.ts'
import { RedisHolds } from '../retention/holds.ts'

/** Of a backup that died no hold stays; one that lives renews its own long before that. */
const TTL_MS = 60_000
const RENEW_MS = 10_000

/** Keeps retention from a stream while it is read, however slowly. Who may not set a hold reads without one. */
export class BackupHold {
  readonly #holds: RedisHolds
  readonly #stream: string
  readonly #name: string
  /** Undefined where there is none to renew. */
  #timer: NodeJS.Timeout | undefined

  private constructor(connection: Connection, stream: string, name: string) {
    this.#holds = new RedisHolds(connection)
    this.#stream = stream
    this.#name = name
  }

  static async begin(connection: Connection, stream: string, name: string): Promise<BackupHold> {
    const hold = new BackupHold(connection, stream, name)
    if (await hold.#set()) hold.#timer = setInterval(() => void hold.#set().catch(() => {}), RENEW_MS)
    return hold
  }

  /** It ends by itself where this fails. */
  async end(): Promise<void> {
    if (!this.#timer) return
    clearInterval(this.#timer)
    await this.#holds.release(this.#stream, this.#name).catch(() => {})
  }

  /** Answers whether it may. */
  async #set(): Promise<boolean> {
    try {
      await this.#holds.set(this.#stream, this.#name, FIRST_POSITION, { ttlMs: TTL_MS })
      return true
    } catch (error) {
      const refused = ['NOPERM', 'READONLY', 'OOM', 'WRONGTYPE'].includes(replyCode(error))
      if (!refused && !/can't run this command/.test((error as Error).message)) throw error
      return false
    }
  }
}
