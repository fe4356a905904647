import { nameOf, type Address } from './address.ts'
import { SlotMap, type SlotsReply } from './slot-map.ts'
import type { Route, SocketConnection } from './socket-connection.ts'

/** How long a node may take to answer before another one is asked. */
const ANSWER_MS = 1_000

/** What the nodes of a cluster say of it: one of them is asked, and another one when that does not answer. */
export class Cluster {
  readonly #asker: SocketConnection
  readonly #mapped: (address: Address) => Address
  readonly #rounds: Rounds
  #asking: Promise<SlotMap> | undefined
  #map: SlotMap | undefined

  /**
   * @param connect makes the connection that asks; it is closed with the cluster
   * @param mapped turns an address that a node tells into one that leads there
   */
  constructor(
    seeds: readonly Address[],
    connect: (locate: Route['locate']) => SocketConnection,
    mapped: (address: Address) => Address,
  ) {
    this.#rounds = new Rounds(seeds)
    this.#mapped = mapped
    this.#asker = connect(async () => this.#rounds.next())
  }

  /**
   * Asks every seed once, if need be.
   *
   * @throws what the last of them failed with
   */
  async open(): Promise<void> {
    for (let left = this.#rounds.size; ; left--) {
      try {
        await this.#asker.attempt()
        await this.refresh()
        return
      } catch (error) {
        if (left > 1) continue
        await this.close()
        throw error
      }
    }
  }

  get map(): SlotMap {
    return this.#map!
  }

  /** Asks anew, once for all who want to know at the same time. */
  refresh(): Promise<SlotMap> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  /** Asks anew soon; whoever found something odd need not wait for the answer. */
  doubt(): void {
    this.refresh().catch(() => {})
  }

  /** Where the address of a redirection leads. */
  addressOf(told: Address): Address {
    return this.#mapped(told)
  }

  close(): Promise<void> {
    return this.#asker.close()
  }

  async #ask(): Promise<SlotMap> {
    const reply = await this.#asker.send<SlotsReply>(['CLUSTER', 'SLOTS'], ANSWER_MS)
    this.#map = SlotMap.from(reply, this.#asker.address, this.#mapped)
    this.#rounds.know(this.#map.nodes)
    return this.#map
  }
}

/** Goes round through the nodes that are known, those named in the options included. */
class Rounds {
  readonly #seeds: readonly Address[]
  #nodes: readonly Address[]
  #turn = 0

  constructor(seeds: readonly Address[]) {
    this.#seeds = seeds
    this.#nodes = seeds
  }

  get size(): number {
    return this.#nodes.length
  }

  next(): Address {
    return this.#nodes[this.#turn++ % this.#nodes.length]!
  }

  know(nodes: readonly Address[]): void {
    this.#nodes = [...new Map([...nodes, ...this.#seeds].map((node) => [nameOf(node), node])).values()]
  }
}
