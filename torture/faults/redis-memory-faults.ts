import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault } from './fault.ts'

/** What befalls a Redis that lives on: nothing is lost by it. */
export const memoryFaults: Readonly<Record<string, Fault>> = {
  'redis-oom': {
    claims: 'redis',
    lastsMs: [2_000, 5_000],
    async run({ forMs }, { topology }) {
      await topology.send(['CONFIG', 'SET', 'maxmemory', '1mb'])
      await sleep(forMs)
      await topology.send(['CONFIG', 'SET', 'maxmemory', '0'])
      return {}
    },
  },
  'script-flush': {
    claims: 'redis',
    lastsMs: [0, 0],
    async run(_, { topology }) {
      await topology.send(['SCRIPT', 'FLUSH'])
      return {}
    },
  },
}
