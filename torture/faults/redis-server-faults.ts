import { setTimeout as sleep } from 'node:timers/promises'
import type { TestServer } from '../../src/engines/test-servers.ts'
import { LANE_NAMES, LANES } from '../load.ts'
import type { Topology } from '../topologies/topology.ts'
import type { Fault } from './fault.ts'

/** Writes may be held back for two seconds by Redis's own account, where the disk is slow. */
const EVERYSEC_MS = 2_000
/** So much is written under everysec before the server is killed. */
const EVERYSEC_BEFORE_MS = 3_000

const BUSY = `
local now = redis.call('TIME')
local stop = now[1] * 1000 + now[2] / 1000 + tonumber(ARGV[1])
repeat now = redis.call('TIME') until now[1] * 1000 + now[2] / 1000 > stop`

/** What befalls a Redis alone; where others watch it, they would replace it. */
export const serverFaults: Readonly<Record<string, Fault>> = {
  'redis-kill': {
    claims: 'redis',
    lastsMs: [200, 3_000],
    async run({ forMs, victim }, { topology }) {
      await killed(await topology.server(victim), forMs)
      return {}
    },
  },
  'redis-kill-everysec': {
    claims: 'redis',
    lastsMs: [200, 3_000],
    async run({ forMs, victim }, { topology }) {
      const server = await topology.server(victim)
      await topology.send(['CONFIG', 'SET', 'appendfsync', 'everysec'])
      await sleep(EVERYSEC_BEFORE_MS)
      const toMs = Date.now()
      await killed(server, forMs) // it starts with its arguments, so it writes at once again
      const fromMs = toMs - EVERYSEC_MS
      return { rolledBack: { fromMs, toMs, survivors: await survivors(topology, fromMs) } }
    },
  },
  'redis-stop': {
    claims: 'redis',
    lastsMs: [2_000, 8_000],
    async run({ forMs, victim }, { topology }) {
      const server = await topology.server(victim)
      await server.kill('SIGSTOP')
      await sleep(forMs)
      await server.kill('SIGCONT')
      return {}
    },
  },
  'redis-busy': {
    claims: 'redis',
    lastsMs: [1_000, 4_000],
    async run({ forMs }, { topology }) {
      await topology.send(['EVAL', BUSY, '0', String(forMs)])
      return {}
    },
  },
}

async function killed(server: TestServer, forMs: number): Promise<void> {
  await server.kill('SIGKILL')
  await sleep(forMs)
  await server.restart()
}

/** What is there, of all streams, of positions from a moment on. */
export async function survivors(topology: Topology, fromMs: number): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {}
  for (const lane of LANE_NAMES) {
    const { stream } = LANES[lane]
    const rows = await topology.send<[string, string[]][]>(['XRANGE', stream, String(fromMs), '+'], stream)
    found[stream] = rows.map(([position]) => position)
  }
  return found
}
