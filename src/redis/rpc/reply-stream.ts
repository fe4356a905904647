import { FIRST_POSITION } from '../../core/position.ts'
import type { ReplyStream } from '../../core/rpc.ts'
import type { Entry } from '../../core/stream-log.ts'
import type { Connection } from '../connection.ts'
import { readStreams } from './read-streams.ts'
import { keepScript } from './rpc-scripts.ts'

/** A reply stream, read on a connection of its own: anything behind a blocked read would wait. */
export class RedisReplyStream implements ReplyStream {
  readonly #control: Connection
  readonly #reader: Connection
  readonly #key: string
  #after = FIRST_POSITION

  constructor(control: Connection, reader: Connection, key: string) {
    this.#control = control
    this.#reader = reader
    this.#key = key
  }

  async keep(ttlMs: number): Promise<void> {
    const made = await keepScript.run(this.#control, [this.#key], [String(ttlMs), this.#after])
    // A new one may begin anywhere: after a failover the clock of the server is another.
    if (made === 1) this.#after = FIRST_POSITION
  }

  async read(limit: number, waitMs: number): Promise<Entry[]> {
    const [entries = []] = await readStreams(this.#reader, [[this.#key, this.#after]], limit, waitMs)
    const last = entries.at(-1)
    if (last) this.#after = last.position
    return entries
  }

  async close(): Promise<void> {
    await this.#reader.close()
    await this.#control.send(['UNLINK', this.#key]).catch(() => {})
  }
}
