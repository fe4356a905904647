import { setTimeout as sleep } from 'node:timers/promises'
import type { TestServer } from '../../src/engines/test-servers.ts'
import { eventually } from '../insist.ts'
import type { Topology } from '../topologies/topology.ts'
import type { Fault, FaultNote } from './fault.ts'
import { survivors } from './redis-server-faults.ts'

/** Whoever publishes goes on with the new master within so much, from when the servers know it. */
const FOLLOW_MS = 2_000
/** A replica is behind its master by so much at most, or it would not have been linked to it. */
const BEHIND_MS = 1_000
const PATIENCE_MS = 60_000

/**
 * What makes another server the master. Replication is asynchronous: what the old one accepted last is gone. What it
 * accepts when the servers know the new one, since nobody has told it yet, is nothing that may be gone: publishers know.
 */
export const failoverFaults: Readonly<Record<string, Fault>> = {
  'master-kill': {
    claims: 'redis',
    lastsMs: [3_000, 6_000],
    run: ({ forMs, victim }, { topology }) =>
      changing(topology, victim, async (master) => {
        await master.kill('SIGKILL')
        await sleep(forMs)
        await master.restart()
      }),
  },
  'master-freeze': {
    claims: 'redis',
    lastsMs: [3_000, 8_000],
    run: ({ forMs, victim }, { topology }) =>
      changing(topology, victim, async (master) => {
        await master.kill('SIGSTOP')
        await sleep(forMs)
        await master.kill('SIGCONT')
      }),
  },
  'replicas-freeze': {
    claims: 'redis',
    lastsMs: [2_000, 4_000],
    async run({ forMs }, { topology }) {
      const replicas = await topology.replicas!()
      await Promise.all(replicas.map((replica) => replica.kill('SIGSTOP')))
      const fromMs = Date.now()
      await sleep(forMs)
      const toMs = Date.now()
      await Promise.all(replicas.map((replica) => replica.kill('SIGCONT')))
      await topology.settled()
      return { mute: { fromMs, toMs } }
    },
  },
  'master-change': {
    claims: 'redis',
    lastsMs: [0, 0],
    run: ({ victim }, { topology }) => changing(topology, victim, () => topology.failover!(victim)),
  },
}

/** What a cluster has besides: nothing is lost by it. */
export const slotFaults: Readonly<Record<string, Fault>> = {
  'slot-migrate': {
    claims: 'redis',
    lastsMs: [0, 0],
    async run({ victim }, { topology }) {
      await topology.migrate!(victim)
      return {}
    },
  },
}

/** The fault is over when all agree on who is the master; what is there then is what survived it. */
async function changing(
  topology: Topology,
  victim: number,
  change: (master: TestServer) => Promise<void>,
): Promise<FaultNote> {
  const master = await topology.server(victim)
  const fromMs = Date.now() - BEHIND_MS
  let seen = master
  let knownAt = Infinity
  let isOver = false
  // To the end: Sentinels may change the master twice, and then the one in between was believed as well.
  const watching = eventually(async () => {
    const now = await topology.server(victim)
    if (now !== seen) knownAt = Date.now()
    seen = now
    return isOver
  }, PATIENCE_MS)
  await change(master)
  await topology.settled()
  isOver = true
  await watching
  const toMs = Math.min(knownAt + FOLLOW_MS, Date.now())
  return { rolledBack: { fromMs, toMs, survivors: await survivors(topology, fromMs) } }
}
