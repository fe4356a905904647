import type { RestoreTarget, TargetKeys } from '../../core/backup.ts'
import type { Connection } from '../connection.ts'
import { stagedKey, keysInTheWay } from './staged-keys.ts'
import { RedisStagedStream } from './staged-stream.ts'

/** Asked for at a time. */
const PAGE = 200

/** Brings streams back to Redis. */
export class RedisRestoreTarget implements RestoreTarget {
  readonly #connection: Connection

  /** @param connection one that nobody blocks and that fails at once; whoever opened it closes it */
  constructor(connection: Connection) {
    this.#connection = connection
  }

  async existing(targets: readonly TargetKeys[], run: string): Promise<string[]> {
    const found: string[] = []
    for (const { stream, suffixes } of targets) {
      if (await this.#send('HEXISTS', stagedKey(stream, run), 'appeared')) continue
      const keys = keysInTheWay(stream, suffixes)
      for (let from = 0; from < keys.length; from += PAGE) {
        const page = keys.slice(from, from + PAGE)
        const exist = await Promise.all(page.map((key) => this.#send('EXISTS', key)))
        found.push(...page.filter((_, index) => exist[index]))
      }
    }
    return found
  }

  stage(target: TargetKeys, run: string): Promise<RedisStagedStream> {
    return RedisStagedStream.begin(this.#connection, target, run)
  }

  async #send(...args: readonly string[]): Promise<boolean> {
    return (await this.#connection.send<number>(args)) === 1
  }
}
