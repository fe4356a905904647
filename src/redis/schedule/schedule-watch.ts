import type { ScheduleWatch } from '../../core/schedule.ts'
import type { Connection } from '../connection.ts'
import { EARLIER_KEY } from './schedule-keys.ts'

/** Longest single blocking read, in ms, so that a dead connection is noticed. */
const BLOCK_MS = 2_000
const REPLY_GRACE_MS = 1_500
const MAX_READ = '1000'

type Row = [position: string, fields: string[]]

/** Reads what schedulers write when an entry is due before all others of its stream, on a connection of its own. */
export class RedisScheduleWatch implements ScheduleWatch {
  readonly #connection: Connection
  #position: string

  private constructor(connection: Connection, position: string) {
    this.#connection = connection
    this.#position = position
  }

  static async open(connection: Connection): Promise<RedisScheduleWatch> {
    const [last] = await connection.send<Row[]>(['XREVRANGE', EARLIER_KEY, '+', '-', 'COUNT', '1'])
    return new RedisScheduleWatch(connection, last?.[0] ?? '0-0')
  }

  async next(): Promise<string[]> {
    const args = ['COUNT', MAX_READ, 'BLOCK', String(BLOCK_MS), 'STREAMS', EARLIER_KEY, this.#position]
    const deadline = BLOCK_MS + REPLY_GRACE_MS
    const reply = await this.#connection.send<[string, Row[]][] | null>(['XREAD', ...args], deadline)
    const rows = reply?.[0]?.[1] ?? []
    this.#position = rows.at(-1)?.[0] ?? this.#position
    return [...new Set(rows.map(([, fields]) => fields[1]!))]
  }

  close(): Promise<void> {
    return this.#connection.close()
  }
}
