import { setTimeout as sleep } from 'node:timers/promises'
import type { Direction, FaultProxy } from '../../src/testing/fault-proxy.ts'
import type { Fault } from './fault.ts'

const LATENCY_MS = 500
/** One proxy of many, or the only one. */
const victimOf = (proxies: readonly FaultProxy[], victim: number): FaultProxy =>
  proxies[victim % proxies.length]!

const swallowing = (direction: Direction): Fault => ({
  claims: 'network',
  lastsMs: [1_000, 8_000],
  async run({ forMs, victim }, { topology: { proxies } }) {
    const proxy = victimOf(proxies, victim)
    proxy.swallow(direction)
    await sleep(forMs)
    proxy.pass()
    return {}
  },
})

/** What befalls the connections to Redis. */
export const networkFaults: Readonly<Record<string, Fault>> = {
  'net-reset': {
    claims: 'network',
    lastsMs: [0, 0],
    async run(_, { topology: { proxies } }) {
      for (const proxy of proxies) proxy.cut()
      return {}
    },
  },
  'net-latency': {
    claims: 'network',
    lastsMs: [3_000, 8_000],
    async run({ forMs }, { topology: { proxies } }) {
      for (const proxy of proxies) proxy.delay(LATENCY_MS)
      await sleep(forMs)
      for (const proxy of proxies) proxy.delay(0)
      return {}
    },
  },
  'net-swallow-up': swallowing('up'),
  'net-swallow-down': swallowing('down'),
  'net-drop-publish': dropping((command) => command.includes('"sum"')),
  'net-drop-reply': dropping((command) => command.includes('EVALSHA') || command.includes('XREADGROUP')),
}

/** Commands are executed, and their replies never arrive. */
function dropping(match: (command: Buffer) => boolean): Fault {
  return {
    claims: 'network',
    lastsMs: [200, 2_000],
    async run({ forMs, victim }, { topology: { proxies } }) {
      const proxy = victimOf(proxies, victim)
      const dropped = proxy.dropReplies(match)
      await sleep(forMs)
      proxy.pass()
      return { detail: `${dropped.count} replies` }
    },
  }
}
