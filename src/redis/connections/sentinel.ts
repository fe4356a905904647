import { MillraceError } from '../../core/errors.ts'
import type { Address } from './address.ts'
import { nameOf } from './address.ts'
import type { SocketConnection } from './socket-connection.ts'

/** How long a Sentinel may take to answer. One that is frozen must not hold up a failover. */
const ANSWER_MS = 1_000

/** What one Sentinel says of the master. */
interface Testimony {
  readonly address: Address
  /** Grows with every failover: the larger one is the newer one. */
  readonly epoch: number
}

/** Asks the Sentinels who is the master: as soon as most of them agree, or else the newest of what was answered. */
export class Sentinels {
  readonly #name: string
  readonly #sentinels: readonly SocketConnection[]
  /** The newest that was believed. What is older comes from a Sentinel that lags behind. */
  #epoch = 0

  constructor(name: string, sentinels: readonly SocketConnection[]) {
    this.#name = name
    this.#sentinels = sentinels
  }

  /** @throws MillraceError `REDIS_UNAVAILABLE` when none of them knows */
  master(): Promise<Address> {
    const heard: Testimony[] = []
    const faults: Error[] = []
    return new Promise((resolve, reject) => {
      const consider = () => {
        const complete = heard.length + faults.length === this.#sentinels.length
        const believed = this.#believed(heard, complete)
        if (believed) {
          this.#epoch = believed.epoch
          resolve(believed.address)
        } else if (complete) reject(unknownMaster(this.#name, heard, faults))
      }
      for (const sentinel of this.#sentinels) {
        this.#ask(sentinel)
          .then((testimony) => heard.push(testimony))
          .catch((error: Error) => faults.push(error))
          .finally(consider)
      }
    })
  }

  async close(): Promise<void> {
    await Promise.all(this.#sentinels.map((sentinel) => sentinel.close()))
  }

  /**
   * A single one that lags behind would lead back to a master that was replaced. Where most of them say less than was
   * known, they were set up anew, and count again from 0.
   */
  #believed(heard: readonly Testimony[], complete: boolean): Testimony | undefined {
    const [first, ...others] = heard
    if (!first) return undefined
    const newest = others.reduce((a, b) => (b.epoch > a.epoch ? b : a), first)
    const agreeing = heard.filter(({ address }) => nameOf(address) === nameOf(newest.address))
    const most = agreeing.length > this.#sentinels.length / 2
    const known = newest.epoch >= this.#epoch
    return (known && (most || complete)) || (most && complete) ? newest : undefined
  }

  async #ask(sentinel: SocketConnection): Promise<Testimony> {
    // The address that the first one tells is the old one for longer, while replicas are turned to the new master.
    const [state, address] = await Promise.all([
      sentinel.send<string[]>(['SENTINEL', 'MASTER', this.#name], ANSWER_MS),
      sentinel.send<[string, string] | null>(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.#name], ANSWER_MS),
    ])
    if (!address) throw new Error(`a Sentinel does not know "${this.#name}"`)
    const epoch = Number(state[state.indexOf('config-epoch') + 1])
    return { address: { host: address[0], port: Number(address[1]) }, epoch }
  }
}

function unknownMaster(name: string, heard: readonly Testimony[], faults: readonly Error[]): MillraceError {
  const reasons = new Set(faults.map(({ message }) => message))
  if (heard.length > 0) reasons.add('what answers lags behind')
  return new MillraceError(
    'REDIS_UNAVAILABLE',
    `no Sentinel says where the master "${name}" is: ${[...reasons].join('; ')}`,
    { cause: faults[0] },
  )
}
