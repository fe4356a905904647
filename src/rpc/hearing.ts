import { positionTime } from '../core/position.ts'
import type { Listener } from '../core/rpc.ts'
import type { Contract } from './contract.ts'
import { loop } from './loop.ts'
import type { Surroundings } from './parties.ts'
import { ServerClock } from './server-clock.ts'

/** Longest single wait for what is told, in ms. */
const WAIT_MS = 1_000

/** What a responder hears. */
export type Heard = Awaited<ReturnType<Listener['read']>>

/** Hears what is told to all responders of a contract, from its start until it is stopped. */
export class Hearing {
  readonly #clock: ServerClock
  readonly #contract: Contract
  readonly #surroundings: Surroundings
  readonly #take: (heard: Heard) => void
  readonly #stopping = new AbortController()
  #listener: Listener | undefined
  #listening: Promise<void> | undefined

  constructor(contract: Contract, surroundings: Surroundings, take: (heard: Heard) => void) {
    this.#clock = new ServerClock(() => surroundings.rpc.now(contract.stream))
    this.#contract = contract
    this.#surroundings = surroundings
    this.#take = take
  }

  /**
   * Answers whether it goes on: it may have been stopped meanwhile.
   *
   * @param broadcast whether it hears the requests as well
   */
  async start(broadcast: boolean): Promise<boolean> {
    const { rpc, lines } = this.#surroundings
    const { stream } = this.#contract
    const { signal } = this.#stopping
    await this.#clock.sync()
    const listener = await rpc.listen(stream, broadcast)
    this.#listener = listener
    if (signal.aborted) await listener.close()
    else
      this.#listening = loop(() => this.#read(listener), signal, {
        log: lines,
        what: 'hearing of requests',
        stream,
      })
    return !signal.aborted
  }

  /**
   * How long the requester waits from now on, in ms. Whoever writes by hand may give an entry any position, also one of
   * times to come.
   */
  leftOf(position: string, timeout: number): number {
    return Math.min(positionTime(position) + timeout - this.#clock.now, timeout)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#listener?.close()
    await this.#listening
  }

  async #read(listener: Listener): Promise<void> {
    await this.#clock.sync()
    const heard = await listener.read(WAIT_MS)
    if (!this.#stopping.signal.aborted) this.#take(heard)
  }
}
