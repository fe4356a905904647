import { createHash } from 'node:crypto'
import type { Connection } from './connection.ts'
import { replyCode } from './errors.ts'

/** Such a script runs when the memory is full, too: what is there can be consumed whether or not more fits. */
const WHEN_FULL = '#!lua flags=allow-oom\n'

/** A Lua script, run by its digest; Redis forgets scripts on restart, so it is sent whole when it is not known. */
export class Script<Reply> {
  readonly #source: string
  readonly #sha: string

  constructor(source: string, { whenFull = false } = {}) {
    this.#source = whenFull ? WHEN_FULL + source : source
    this.#sha = createHash('sha1').update(this.#source).digest('hex')
  }

  async run(connection: Connection, keys: readonly string[], args: readonly string[]): Promise<Reply> {
    const rest = [String(keys.length), ...keys, ...args]
    try {
      return await connection.send<Reply>(['EVALSHA', this.#sha, ...rest])
    } catch (error) {
      if (replyCode(error) !== 'NOSCRIPT') throw error
      return connection.send<Reply>(['EVAL', this.#source, ...rest])
    }
  }
}
