import { createHash } from 'node:crypto'
import type { Sender } from './connection.ts'
import { replyCode } from './errors.ts'

/** Consuming goes on when the memory of Redis is full: what is there can be settled whether or not more fits. */
const WHEN_FULL = '#!lua flags=allow-oom\n'

/**
 * A Lua script, run by its digest; Redis forgets scripts on restart, so it is sent whole when it is not known. One that
 * `takesMemory` is refused while the memory is full.
 */
export class Script<Reply> {
  readonly #source: string
  readonly #sha: string

  constructor(source: string, { takesMemory = false } = {}) {
    this.#source = takesMemory ? source : WHEN_FULL + source
    this.#sha = createHash('sha1').update(this.#source).digest('hex')
  }

  /** @param whole not by its digest: where one that is not known would be sent again behind what follows */
  async run(sender: Sender, keys: readonly string[], args: readonly string[], whole = false): Promise<Reply> {
    const rest = [String(keys.length), ...keys, ...args]
    if (whole) return sender.send<Reply>(['EVAL', this.#source, ...rest])
    try {
      return await sender.send<Reply>(['EVALSHA', this.#sha, ...rest])
    } catch (error) {
      if (replyCode(error) !== 'NOSCRIPT') throw error
      return sender.send<Reply>(['EVAL', this.#source, ...rest])
    }
  }
}
