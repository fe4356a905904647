import { setTimeout as delay } from 'node:timers/promises'

import { askRedis } from './ask-redis.ts'
import { layoutIn, owns, viewOf, type SeenNode } from './cluster-view.ts'
import { freePort } from './ports.ts'
import type { Server } from './server.ts'
import { beginMigration, type ClusterMaster, type SlotMigration } from './slot-migration.ts'
import { startRedis, type TestRedisOptions } from './test-redis.ts'
import { isLinked } from './test-replication.ts'
import { endTogether, orEnd, startTogether, type TestServer } from './test-server.ts'
import { until } from './until.ts'

const SLOTS = 16_384
const PATIENCE_MS = 40_000

export interface TestClusterOptions extends Omit<TestRedisOptions, 'tls'> {
  /** Default: 3. */
  masters?: number
  /** Default: 1. */
  replicasPerMaster?: number
  /** How long a node may be mute before the others take it for down. Default: 2000. */
  nodeTimeoutMs?: number
}

export interface TestCluster {
  /** `host:port` of each server. */
  readonly nodes: readonly string[]
  /** The masters of the beginning, which share the slots evenly, then the replicas of each in turn. */
  readonly servers: readonly TestServer[]
  /** The master of a slot; where nodes disagree, the one with the highest epoch is right. */
  masterOf(slot: number): Promise<TestServer>
  /** Those replicas of a server that answer. */
  replicasOf(server: TestServer): Promise<TestServer[]>
  /** Begins to move a slot, for a test that wants to stop half-way. */
  beginMigration(slot: number, to: TestServer): Promise<SlotMigration>
  /** Moves a slot with its keys to another master. */
  migrateSlot(slot: number, to: TestServer): Promise<void>
  /**
   * Has a replica of this master take over by command; all nodes that answer know when this resolves. One that was
   * elected within the last 4 × `nodeTimeoutMs` is waited for: quick rows of failovers should go round the masters.
   */
  failover(master: TestServer): Promise<void>
  /** Waits until every node says that all is well, and the same of all slots; every replica is linked to its master. */
  settled(): Promise<void>
  /** Ends all of them and removes their folders. */
  stop(): Promise<void>
}

/** A cluster that covers all slots. The arguments go to every server. */
export async function startTestCluster({
  masters = 3,
  replicasPerMaster = 1,
  nodeTimeoutMs = 2000,
  args = [],
  ...options
}: TestClusterOptions = {}): Promise<TestCluster> {
  const every = [...clusterArguments(nodeTimeoutMs), ...args]
  const start = (): Promise<TestServer> => startRedis({ ...options, args: every }, onBusPort)
  const count = masters * (1 + replicasPerMaster)
  const servers = await startTogether(Array.from({ length: count }, start))
  return orEnd(servers, async () => {
    const lab = new ClusterLab(servers, nodeTimeoutMs)
    await lab.form(masters)
    await lab.settled()
    return lab
  })
}

const clusterArguments = (nodeTimeoutMs: number): string[] =>
  [
    ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'],
    ['--cluster-node-timeout', String(nodeTimeoutMs)],
    // Who serves whom changes by a failover only.
    ['--cluster-allow-replica-migration', 'no', '--repl-diskless-sync-delay', '0'],
  ].flat()

/** The usual bus port, 10,000 above, would be one that systems give to outgoing connections. */
function onBusPort(server: Server): Server {
  let port: number | undefined
  return {
    ...server,
    async prepare() {
      const launch = await server.prepare()
      port = await freePort(port)
      return { ...launch, args: [...launch.args, '--cluster-port', String(port)] }
    },
  }
}

class ClusterLab implements TestCluster {
  readonly servers: readonly TestServer[]

  /** When servers last stood for election, or later. */
  readonly #elected = new Map<TestServer, number>()
  readonly #electionMs: number

  constructor(servers: readonly TestServer[], nodeTimeoutMs: number) {
    this.servers = servers
    this.#electionMs = 4 * Math.max(nodeTimeoutMs, 1000) + 500
  }

  get nodes(): readonly string[] {
    return this.servers.map(({ port }) => `127.0.0.1:${port}`)
  }

  /** Makes a cluster of servers that do not know each other yet. */
  async form(masters: number): Promise<void> {
    await Promise.all(
      this.servers.map(({ port }, i) => askRedis(port, ['CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1)])),
    )
    const owners = this.servers.slice(0, masters)
    await Promise.all(owners.map(({ port }, i) => askRedis(port, addSlots(i, masters))))
    await this.#meet()
    await Promise.all(
      this.servers.slice(masters).map(async ({ port }, i) => {
        const id = await idOf(owners[i % masters]!)
        await askRedis(port, ['CLUSTER', 'REPLICATE', id])
      }),
    )
  }

  /** Everybody meets everybody, which is quicker than to wait for gossip. */
  async #meet(): Promise<void> {
    const buses = await Promise.all(this.servers.map(busPortOf))
    const meet = (from: TestServer, to: number) =>
      askRedis(from.port, ['CLUSTER', 'MEET', '127.0.0.1', String(this.servers[to]!.port), String(buses[to])])
    const pairs = this.servers.flatMap((from, i) =>
      this.servers.slice(i + 1).map((_, k) => meet(from, i + 1 + k)),
    )
    await Promise.all(pairs)
    const met = async () =>
      (await this.#views()).filter((view) => view.length === this.servers.length && layoutIn(view)).length ===
      this.servers.length
    await until('the servers to know each other', met, PATIENCE_MS)
  }

  masterOf(slot: number): Promise<TestServer> {
    return until(`a master of slot ${slot}`, async () => (await this.#ownerOf(slot))?.server, PATIENCE_MS)
  }

  async replicasOf(master: TestServer): Promise<TestServer[]> {
    const selves = await this.#selves()
    const id = (await this.#views()).flat().find(({ port }) => port === master.port)?.id
    return selves.filter(({ node }) => node.masterId === id).map(({ server }) => server)
  }

  async beginMigration(slot: number, to: TestServer): Promise<SlotMigration> {
    const from = await until(`a master of slot ${slot}`, () => this.#ownerOf(slot), PATIENCE_MS)
    return beginMigration({
      slot,
      from,
      to: { id: await idOf(to), server: to },
      masters: () => this.#masters(),
      untilKnown: () =>
        this.#untilAll(`slot ${slot} on ${to.url}`, (node) => node.port === to.port && owns(node, slot)),
    })
  }

  async migrateSlot(slot: number, to: TestServer): Promise<void> {
    const migration = await this.beginMigration(slot, to)
    await migration.finish()
  }

  async failover(master: TestServer): Promise<void> {
    const [successor] = await this.replicasOf(master)
    const former = (await this.#selves()).find(({ server }) => server === master)?.node
    const slot = former?.slots[0]?.[0]
    if (!successor || slot === undefined)
      throw new Error(`${master.url} is no master with slots and a replica`)
    if (former!.epoch > this.servers.length && !this.#elected.has(master))
      this.#elected.set(master, Date.now())
    const takesOver = (node: SeenNode): boolean => node.port === successor.port && owns(node, slot)
    const attempt = async (): Promise<boolean> => {
      await this.#untilElectable(successor)
      this.#elected.set(successor, Date.now())
      await askRedis(successor.port, ['CLUSTER', 'FAILOVER'])
      await this.#untilAll(`${successor.url} as the master`, takesOver, this.#electionMs)
      return true
    }
    await until(`the failover of ${master.url}`, attempt, PATIENCE_MS)
  }

  /**
   * Who asks for votes again before its last election has expired counts the votes of that one (Redis 7.0.15): it
   * takes itself for the master at once, no other node follows, and what it takes in meanwhile is lost.
   */
  async #untilElectable(server: TestServer): Promise<void> {
    const expiry = (this.#elected.get(server) ?? 0) + this.#electionMs
    await delay(Math.max(0, expiry - Date.now()))
  }

  async settled(): Promise<void> {
    await until('a settled cluster', () => this.#isSettled(), PATIENCE_MS)
  }

  stop(): Promise<void> {
    return endTogether(this.servers)
  }

  async #isSettled(): Promise<boolean> {
    const info = await Promise.all(this.servers.map(({ port }) => askRedis(port, ['CLUSTER', 'INFO'])))
    if (!info.every((one) => /cluster_state:ok\r\ncluster_slots_assigned:16384\r/.test(String(one))))
      return false
    const views = await Promise.all(this.servers.map(({ port }) => viewOf(port)))
    const layouts = new Set(views.map(layoutIn))
    return layouts.size === 1 && !layouts.has(undefined) && this.#areLinked(views[0]!)
  }

  async #areLinked(view: SeenNode[]): Promise<boolean> {
    const replicas = view.filter(({ masterId }) => masterId)
    const linked = replicas.map(({ port, masterId }) => {
      const master = view.find(({ id }) => id === masterId)
      return isLinked(this.#at(port)!, this.#at(master!.port)!)
    })
    return (await Promise.all(linked)).every(Boolean)
  }

  /** Waits until every node that answers sees such a node. */
  async #untilAll(what: string, seen: (node: SeenNode) => boolean, patienceMs = PATIENCE_MS): Promise<void> {
    await until(what, async () => (await this.#views()).every((view) => view.some(seen)), patienceMs)
  }

  async #ownerOf(slot: number): Promise<ClusterMaster | undefined> {
    const owners = (await this.#views()).flat().filter((node) => owns(node, slot))
    const latest = owners.sort((a, b) => b.epoch - a.epoch)[0]
    const server = latest && this.#at(latest.port)
    return server && { id: latest.id, server }
  }

  async #masters(): Promise<TestServer[]> {
    const selves = await this.#selves()
    return selves.filter(({ node }) => node.flags.includes('master')).map(({ server }) => server)
  }

  /** What the nodes that answer say of themselves. */
  async #selves(): Promise<{ server: TestServer; node: SeenNode }[]> {
    const nodes = (await this.#views()).flatMap((view) =>
      view.filter(({ flags }) => flags.includes('myself')),
    )
    return nodes.map((node) => ({ server: this.#at(node.port)!, node }))
  }

  /** What the nodes that answer say of all. */
  async #views(): Promise<SeenNode[][]> {
    const views = await Promise.all(this.servers.map(({ port }) => viewOf(port).catch(() => undefined)))
    return views.filter((view) => view !== undefined)
  }

  #at(port: number): TestServer | undefined {
    return this.servers.find((server) => server.port === port)
  }
}

/** The share of one of so many masters. */
function addSlots(index: number, masters: number): string[] {
  const first = Math.floor((index * SLOTS) / masters)
  const last = Math.floor(((index + 1) * SLOTS) / masters) - 1
  return ['CLUSTER', 'ADDSLOTSRANGE', String(first), String(last)]
}

const idOf = async ({ port }: TestServer): Promise<string> =>
  String(await askRedis(port, ['CLUSTER', 'MYID']))

async function busPortOf({ port }: TestServer): Promise<string> {
  const [, value] = (await askRedis(port, ['CONFIG', 'GET', 'cluster-port'])) as string[]
  return value!
}
