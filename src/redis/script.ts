import { createHash } from 'node:crypto'
import type { Argument, ReplyAs, Sender } from './connection.ts'
import { replyCode } from './errors.ts'

/** Consuming goes on when the memory of Redis is full: what is there can be settled whether or not more fits. */
const WHEN_FULL = '#!lua flags=allow-oom\n'
/** The server refuses each write in it, and runs it where nobody may write: on a replica, or while a disk is full. */
const ONLY_READS = '#!lua flags=no-writes\n'

/**
 * A Lua script, run by its digest; Redis forgets scripts on restart, so it is sent whole when it is not known. One that
 * `takesMemory` is refused while the memory is full; one that `onlyReads` is kept from writing by the server.
 */
export class Script<Reply> {
  readonly #source: string
  readonly #sha: string

  constructor(source: string, { takesMemory = false, onlyReads = false } = {}) {
    this.#source = takesMemory ? source : (onlyReads ? ONLY_READS : WHEN_FULL) + source
    this.#sha = createHash('sha1').update(this.#source).digest('hex')
  }

  /** @param whole not by its digest: where one that is not known would be sent again behind what follows */
  async run(
    sender: Sender,
    keys: readonly string[],
    args: readonly Argument[],
    whole = false,
  ): Promise<Reply> {
    return this.#run(sender, keys, args, whole)
  }

  /** The same; the strings of the reply are Buffers. */
  async runForBytes(sender: Sender, keys: readonly string[], args: readonly Argument[]): Promise<Reply> {
    return this.#run(sender, keys, args, false, 'bytes')
  }

  async #run(
    sender: Sender,
    keys: readonly string[],
    args: readonly Argument[],
    whole: boolean,
    replyAs?: ReplyAs,
  ): Promise<Reply> {
    const rest = [String(keys.length), ...keys, ...args]
    if (whole) return sender.send<Reply>(['EVAL', this.#source, ...rest], undefined, replyAs)
    try {
      return await sender.send<Reply>(['EVALSHA', this.#sha, ...rest], undefined, replyAs)
    } catch (error) {
      if (replyCode(error) !== 'NOSCRIPT') throw error
      return sender.send<Reply>(['EVAL', this.#source, ...rest], undefined, replyAs)
    }
  }
}
