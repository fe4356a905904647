import { replyCode } from '../errors.ts'
import type { Sender } from '../connection.ts'
import { nameOf, type Address } from './address.ts'
import { SlotMap, type SlotsReply } from './slot-map.ts'
import type { Route, SocketConnection } from './socket-connection.ts'

/** How long a node may take to answer before another one is asked. */
const ANSWER_MS = 1_000

/**
 * What the nodes of a cluster say of it: one of them is asked, and another one when that does not answer, or is cut off
 * from the others, or lags behind, as one does that was frozen.
 */
export class Cluster {
  readonly #asker: SocketConnection
  readonly #mapped: (address: Address) => Address
  readonly #onMap: (map: SlotMap) => void
  readonly #rounds: Rounds
  #asking: Promise<SlotMap> | undefined
  #map: SlotMap | undefined
  /** Grows with every failover. */
  #epoch = 0
  /** How many nodes in a row were not believed. */
  #doubted = 0

  /**
   * @param connect makes the connection that asks; it is closed with the cluster
   * @param mapped turns an address that a node tells into one that leads there
   * @param onMap told of every answer
   */
  constructor(
    seeds: readonly Address[],
    connect: (route: Pick<Route, 'locate' | 'greet'>) => SocketConnection,
    mapped: (address: Address) => Address,
    onMap: (map: SlotMap) => void,
  ) {
    this.#rounds = new Rounds(seeds)
    this.#mapped = mapped
    this.#onMap = onMap
    const greet = (node: Sender): Promise<void> => this.#learn(node)
    this.#asker = connect({ locate: async () => this.#rounds.next(), greet })
  }

  /**
   * Asks every seed once, if need be.
   *
   * @throws what the last of them failed with
   */
  async open(): Promise<void> {
    for (let left = this.#rounds.size; !this.#asker.ready; left--) {
      await this.#asker.attempt().catch(async (error: unknown) => {
        if (left > 1) return
        await this.close()
        throw error
      })
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
    await this.#asker.whenReady(ANSWER_MS)
    await this.#learn(this.#asker).catch((error: Error) => {
      this.#asker.moveOn(error.message)
      throw error
    })
    return this.map
  }

  async #learn(node: Sender): Promise<void> {
    const [info, slots] = await Promise.all([
      node.send<string>(['CLUSTER', 'INFO'], ANSWER_MS).catch(unlessForbidden),
      node.send<SlotsReply>(['CLUSTER', 'SLOTS'], ANSWER_MS),
    ])
    const map = SlotMap.from(slots, this.#asker.address, this.#mapped)
    this.#judge(info)
    this.#map = map
    this.#rounds.know(map.nodes)
    this.#onMap(map)
  }

  /** Where every node says so it is believed: the cluster is down, or was made anew. */
  #judge(info: string): void {
    const epoch = Number(/^cluster_current_epoch:(\d+)/m.exec(info)?.[1] ?? this.#epoch)
    const doubtful = epoch < this.#epoch || /^cluster_state:fail/m.test(info)
    if (this.#map && doubtful && this.#doubted++ < this.#rounds.size)
      throw new Error(`${nameOf(this.#asker.address)} is cut off from its cluster, or lags behind it`)
    this.#doubted = 0
    this.#epoch = epoch
  }
}

/** Who may ask for the slots alone can't tell who lags behind. */
function unlessForbidden(error: unknown): string {
  if (replyCode(error) === 'NOPERM') return ''
  throw error
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
