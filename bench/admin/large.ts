import { openConnection } from '../../src/redis/connections/servers.ts'
import type { Servers } from '../contender.ts'
import { load, type Load } from '../http/load.ts'
import { underLoad } from '../http/under-load.ts'
import { median } from '../race.ts'
import { rawClient, type RawClient } from '../raw.ts'
import { residentMb } from '../resident.ts'
import { ServiceProcess } from '../service-process.ts'
import { runCommand, type CommandRun } from './command.ts'
import { populate, type Population } from './populate.ts'
import { slowCommands, type SlowCommands } from './slow-commands.ts'

/** A command on a large Redis. */
export interface CommandSpeed extends Omit<CommandRun, 'peakMb'> {
  /** The most that was resident in any run, beyond what that was on an empty Redis, in MB. */
  growthMb: number
  /** In all of its runs. */
  slow: SlowCommands
}

/** What the service makes of whoever asks for the list of streams. */
export interface ListsSpeed {
  pages: {
    connections: number
    /** How many streams a page has. */
    limit: number
    load: Load
  }[]
  /** Resident memory of the service at its start, and after that, in MB. */
  serviceMb: [before: number, after: number]
  slow: SlowCommands
}

export interface LargeSpeed {
  population: Population
  runs: number
  commands: Record<string, CommandSpeed>
  lists: ListsSpeed
}

const COMMANDS = [['stream', 'ls'], ['explain']]
/** Streams a page, and connections that ask for it. */
const PAGES = [
  [100, 10],
  [100, 50],
  [1_000, 10],
  [1_000, 50],
] as const

/** What an operator waits for who looks at a large Redis, and what holds up everybody else on it meanwhile. */
export async function measureLarge(
  servers: Servers,
  population: Population,
  { runs, seconds }: { runs: number; seconds: number },
): Promise<LargeSpeed> {
  const client = await rawClient(servers.redis)
  try {
    const empty = await peaks(servers.redis)
    await fill(servers.redis, population)
    const commands: Record<string, CommandSpeed> = {}
    for (const words of COMMANDS) {
      const all: CommandRun[] = []
      const run = async () => void all.push(await runCommand(servers.redis, words))
      const slow = await slowCommands(client, Array<typeof run>(runs).fill(run))
      const name = words.join(' ')
      commands[name] = { ...speedOf(all, empty.get(name)!), slow }
    }
    const lists = await measureLists(client, servers, seconds)
    return { population, runs, commands, lists }
  } finally {
    await client.flushAll('SYNC')
    client.destroy()
  }
}

async function peaks(redis: string): Promise<Map<string, number>> {
  const found = new Map<string, number>()
  for (const words of COMMANDS) found.set(words.join(' '), (await runCommand(redis, words)).peakMb)
  return found
}

async function fill(url: string, population: Population): Promise<void> {
  const connection = await openConnection({ url }, 'bench')
  const pending = await populate(connection, population).finally(() => connection.close())
  if (pending !== population.pending) throw new Error(`${pending} entries are pending`)
}

const speedOf = (runs: readonly CommandRun[], emptyMb: number): Omit<CommandSpeed, 'slow'> => ({
  seconds: median(runs.map(({ seconds }) => seconds)),
  cpuSeconds: median(runs.map(({ cpuSeconds }) => cpuSeconds)),
  growthMb: Math.max(...runs.map(({ peakMb }) => peakMb)) - emptyMb,
  rows: Math.min(...runs.map(({ rows }) => rows)),
})

async function measureLists(client: RawClient, servers: Servers, seconds: number): Promise<ListsSpeed> {
  const { env, headers } = underLoad('admin')
  const service = await ServiceProcess.start(servers, env)
  try {
    const before = residentMb(service.pid)
    const pages: ListsSpeed['pages'] = []
    const loads = PAGES.map(([limit, connections]) => async () => {
      const requests = { path: `/api/admin/streams?limit=${limit}`, headers }
      pages.push({ connections, limit, load: await load(service.url, requests, { seconds, connections }) })
    })
    const slow = await slowCommands(client, loads)
    return { pages, serviceMb: [before, residentMb(service.pid)], slow }
  } finally {
    await service.stop()
  }
}
