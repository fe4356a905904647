import type { Servers } from '../contender.ts'
import { race, type Speed } from '../race.ts'
import type { Scenario } from '../scenarios.ts'
import { measureHang, type Hang } from './hang.ts'
import { connectScenarios } from './scenarios.ts'

export interface ConnectSpeed {
  /** By sink, and by contender. */
  sinks: Record<string, Record<string, Speed>>
  hang: Hang
}

/** @param show told of each sink that was measured */
export async function measureConnect(
  servers: Servers,
  { rounds, scale, hangSeconds }: { rounds: number; scale: number; hangSeconds: number },
  show: (scenario: Scenario, speeds: Record<string, Speed>) => void,
): Promise<ConnectSpeed> {
  const sinks: ConnectSpeed['sinks'] = {}
  for (const [name, scenario] of Object.entries(connectScenarios(scale))) {
    const speeds = await race(name, scenario.entrants, servers, Math.min(rounds, scenario.rounds!))
    sinks[name] = speeds
    show(scenario, speeds)
  }
  return { sinks, hang: await measureHang(servers, hangSeconds) }
}
