import { toError } from '../core/errors.ts'
import type { Contract } from './contract.ts'
import type { Surroundings } from './parties.ts'

/** How many replies are written between two looks at the length of the stream. */
const BOUND_EVERY = 1_000

/** Where replies go to requests that were written by hand. Who reads them, and whether, nobody knows: so it is kept short. */
export class SharedReplies {
  readonly #stream: string
  readonly #surroundings: Surroundings
  #written = 0

  constructor({ replies }: Contract, surroundings: Surroundings) {
    this.#stream = replies
    this.#surroundings = surroundings
  }

  /** @param idempotencyKey so that a second start does not write it again */
  async write(fields: readonly string[], idempotencyKey?: string): Promise<void> {
    const entry = idempotencyKey === undefined ? { fields } : { fields, idempotencyKey }
    const [result] = await this.#surroundings.log.append(this.#stream, [entry])
    if (typeof result !== 'string') throw result
    if (this.#written++ % BOUND_EVERY === 0) await this.#bound()
  }

  /** The reply is written, so this must not fail it. */
  async #bound(): Promise<void> {
    const { rpc, lines } = this.#surroundings
    await rpc.bound(this.#stream).catch((error: unknown) => {
      const line = { error, stream: this.#stream }
      lines.warn(line, `the shared stream of replies could not be kept short: ${toError(error).message}`)
    })
  }
}
