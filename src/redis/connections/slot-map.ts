import { nameOf, type Address } from './address.ts'

export type SlotsReply = [
  first: number,
  last: number,
  master: [host: string | null, port: number],
  ...unknown[],
][]

const SLOTS = 16_384

/** Which node of a cluster is the master of which slot. */
export class SlotMap {
  readonly #bySlot: (Address | undefined)[]
  /** By name, in the order of the slots: a replica that takes over has the place of its master. */
  readonly #masters = new Map<string, Address>()
  readonly #nodes: ReadonlyMap<string, Address>

  private constructor(bySlot: (Address | undefined)[], nodes: ReadonlyMap<string, Address>) {
    this.#bySlot = bySlot
    this.#nodes = nodes
    for (const master of new Set(bySlot)) if (master) this.#masters.set(nameOf(master), master)
  }

  /**
   * @param reply to CLUSTER SLOTS
   * @param asked the node that answered, whose host stands in where a node does not know its own
   * @throws where it names no master at all, as a node does that was just reset
   */
  static from(reply: SlotsReply, asked: Address, mapped: (address: Address) => Address): SlotMap {
    const bySlot: (Address | undefined)[] = Array.from({ length: SLOTS })
    const nodes = new Map<string, Address>()
    for (const [first, last, ...members] of reply) {
      const addresses = members.map((member) => {
        const [host, port] = member as [string | null, number]
        const address = mapped({ host: host || asked.host, port })
        // One object for each, so that masters can be told apart at a glance.
        return nodes.get(nameOf(address)) ?? address
      })
      for (const address of addresses) nodes.set(nameOf(address), address)
      bySlot.fill(addresses[0], first, last + 1)
    }
    if (nodes.size === 0) throw new Error(`${nameOf(asked)} knows no master of its cluster`)
    return new SlotMap(bySlot, nodes)
  }

  /** Where no master has the slot it is any of them, which will say so. */
  masterOf(slot: number): Address {
    return this.#bySlot[slot] ?? this.anyMaster
  }

  get anyMaster(): Address {
    const [first] = this.#masters.values()
    return first!
  }

  get masters(): Address[] {
    return [...this.#masters.values()]
  }

  /** Every node that was told, replicas too: any of them can be asked. */
  get nodes(): Address[] {
    return [...this.#nodes.values()]
  }

  isMaster(name: string): boolean {
    return this.#masters.has(name)
  }

  isReplica(name: string): boolean {
    return this.#nodes.has(name) && !this.#masters.has(name)
  }

  /** What a redirection taught, until the cluster is asked again. */
  learn(slot: number, master: Address): void {
    this.#bySlot[slot] = master
    this.#masters.set(nameOf(master), master)
  }
}
