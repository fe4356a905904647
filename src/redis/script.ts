import { createHash } from 'node:crypto'
import type { Connection } from './connection.ts'
import { replyCode } from './errors.ts'

/** A Lua script, run by its digest; Redis forgets scripts on restart, so it is sent whole when it is not known. */
export class Script<Reply> {
  readonly #source: string
  readonly #sha: string

  constructor(source: string) {
    this.#source = source
    this.#sha = createHash('sha1').update(source).digest('hex')
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
