import { askRedis, type Reply } from './ask-redis.ts'
import { KEEP_COMMAND_LINE } from './redis.ts'
import type { Server } from './server.ts'
import { startRedis, withConfiguration, type TestRedisOptions } from './test-redis.ts'
import { isLinked, isMaster, startTestReplicas } from './test-replication.ts'
import { endTogether, orEnd, startTogether, type TestServer } from './test-server.ts'
import { until } from './until.ts'

const NAME = 'mymaster'
const PATIENCE_MS = 40_000
/** A Sentinel starts no second failover within twice this time. */
const FAILOVER_TIMEOUT_MS = 2000
/** After this one that was begun by command is over, or has failed. */
const FAILOVER_MS = 3 * FAILOVER_TIMEOUT_MS
/** How often Sentinels tell of themselves, and ask the servers for INFO, in ms. */
const PERIODS = {
  usual: { hello: 2000, info: 10_000 },
  // Within four hellos all have to know of a failover, or one of them would turn it back.
  eager: { hello: 500, info: 1000 },
  /** Until they know each other. */
  beginning: { hello: 100, info: 500 },
}

export interface TestSentinelOptions extends Omit<TestRedisOptions, 'tls'> {
  /** Default: 2. */
  replicas?: number
  /** Default: 3. Most of them have to agree that the master is down. */
  sentinels?: number
  /** How long the master may be mute before a Sentinel takes it for down. Default: 1000. */
  downAfterMs?: number
  /**
   * Have the Sentinels look round often, for tests with many failovers: a former master that is back is made a replica
   * after 3 s, and not after the usual 10 s. A Sentinel that is started again falls back to its habit. Default: false.
   */
  eager?: boolean
}

export interface TestSentinel {
  /** What the Sentinels call the master. */
  readonly name: string
  /** `host:port` of each Sentinel. */
  readonly nodes: readonly string[]
  /** The master of the beginning and its replicas. */
  readonly servers: readonly TestServer[]
  readonly sentinels: readonly TestServer[]
  /** The master, as most Sentinels say. */
  master(): Promise<TestServer>
  /** Has a replica take over by command; all Sentinels and the new master know when this resolves. */
  failover(): Promise<void>
  /**
   * Waits until all are well: the Sentinels know each other and one master, every other server is linked to it as its
   * replica, and the next failover can begin. All of them have to run.
   */
  settled(): Promise<void>
  /** Ends all of them and removes their folders. */
  stop(): Promise<void>
}

/** A master with replicas that have caught up, and Sentinels that know all of it. The arguments go to the servers. */
export async function startTestSentinel({
  replicas = 2,
  sentinels: count = 3,
  downAfterMs = 1000,
  eager = false,
  ...options
}: TestSentinelOptions = {}): Promise<TestSentinel> {
  const data = await startTestReplicas({ replicas, ...options })
  const servers = [data.master, ...data.replicas]
  const { software = 'redis' } = options
  const watch = sentinelConfiguration(data.master.port, Math.floor(count / 2) + 1, downAfterMs)
  const sentinels = await orEnd(servers, () =>
    startTogether(
      Array.from({ length: count }, () => startRedis({ software }, (server) => asSentinel(server, watch))),
    ),
  )
  const lab = new SentinelLab(servers, sentinels)
  await orEnd([...servers, ...sentinels], async () => {
    await lab.look(PERIODS.beginning)
    await lab.settled()
    await lab.look(eager ? PERIODS.eager : PERIODS.usual)
  })
  return lab
}

const sentinelConfiguration = (port: number, quorum: number, downAfterMs: number): string[] => [
  `sentinel monitor ${NAME} 127.0.0.1 ${port} ${quorum}`,
  `sentinel down-after-milliseconds ${NAME} ${downAfterMs}`,
  `sentinel failover-timeout ${NAME} ${FAILOVER_TIMEOUT_MS}`,
  `sentinel parallel-syncs ${NAME} 8`,
]

function asSentinel(server: Server, lines: string[]): Server {
  const configured = withConfiguration(server, lines)
  return {
    ...configured,
    async prepare() {
      const args = ['--bind', '127.0.0.1', ...KEEP_COMMAND_LINE, '--sentinel']
      return { ...(await configured.prepare()), args }
    },
  }
}

class SentinelLab implements TestSentinel {
  readonly name = NAME
  readonly servers: readonly TestServer[]
  readonly sentinels: readonly TestServer[]

  constructor(servers: readonly TestServer[], sentinels: readonly TestServer[]) {
    this.servers = servers
    this.sentinels = sentinels
  }

  get nodes(): readonly string[] {
    return this.sentinels.map(({ port }) => `127.0.0.1:${port}`)
  }

  async master(): Promise<TestServer> {
    return until('a master that most Sentinels agree on', () => this.#agreed(this.#majority), PATIENCE_MS)
  }

  async failover(): Promise<void> {
    const former = await this.master()
    const done = async () => {
      const master = await this.#agreed(this.sentinels.length)
      return master && master !== former && (await isMaster(master))
    }
    const attempt = async () => {
      await askRedis(this.sentinels[0]!.port, ['SENTINEL', 'FAILOVER', NAME])
      return until('the new master', done, FAILOVER_MS)
    }
    await until(`the failover of ${former.url}`, attempt, PATIENCE_MS)
  }

  async settled(): Promise<void> {
    await until('a settled master with its replicas', () => this.#isSettled(), PATIENCE_MS)
  }

  stop(): Promise<void> {
    return endTogether([...this.sentinels, ...this.servers])
  }

  async look({ hello, info }: { hello: number; info: number }): Promise<void> {
    const periods = ['PUBLISH-PERIOD', String(hello), 'INFO-PERIOD', String(info)]
    const command = ['SENTINEL', 'DEBUG', ...periods]
    await Promise.all(this.sentinels.map(({ port }) => askRedis(port, command)))
  }

  get #majority(): number {
    return Math.floor(this.sentinels.length / 2) + 1
  }

  /** The master that at least so many Sentinels name. */
  async #agreed(votes: number): Promise<TestServer | undefined> {
    const ports = await Promise.all(this.sentinels.map(masterPortOf))
    return this.servers.find(({ port }) => ports.filter((one) => one === port).length >= votes)
  }

  async #isSettled(): Promise<boolean> {
    const master = await this.#agreed(this.sentinels.length)
    if (!master || !(await isMaster(master))) return false
    const replicas = this.servers.filter((server) => server !== master)
    const linked = await Promise.all(replicas.map((replica) => isLinked(replica, master)))
    const known = await Promise.all(this.sentinels.map((sentinel) => this.#knowsAll(sentinel)))
    return [...linked, ...known].every(Boolean)
  }

  /**
   * What counts as down, or has not told its run id yet, would not be chosen. The links to the master are looked at
   * elsewhere, since a Sentinel asks for them only every 10 s.
   */
  async #knowsAll({ port }: TestServer): Promise<boolean> {
    const ask = async (what: string) => (await askRedis(port, ['SENTINEL', what, NAME])) as Reply[]
    const master = fields(await ask('MASTER'))
    const replicas = (await ask('REPLICAS')).map(fields)
    const others = (await ask('SENTINELS')).map(fields)
    return (
      master.get('flags') === 'master' &&
      replicas.length === this.servers.length - 1 &&
      replicas.every((one) => one.get('flags') === 'slave' && one.get('runid')) &&
      others.length === this.sentinels.length - 1 &&
      others.every((one) => one.get('flags') === 'sentinel')
    )
  }
}

/** Undefined when the Sentinel does not answer. */
async function masterPortOf({ port }: TestServer): Promise<number | undefined> {
  const command = ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME]
  const address = await askRedis(port, command).catch(() => undefined)
  return Array.isArray(address) ? Number(address[1]) : undefined
}

/** A reply that has names and values in turn. */
function fields(reply: Reply): Map<string, string> {
  const parts = (reply as Reply[]).map(String)
  return new Map(parts.flatMap((part, i) => (i % 2 ? [] : [[part, parts[i + 1] ?? '']])))
}
