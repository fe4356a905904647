import type { TestServer } from '../../src/engines/test-servers.ts'
import type { FaultProxy } from '../../src/testing/fault-proxy.ts'
import type { Crew } from '../crew.ts'
import type { Destroyed } from '../destroy.ts'
import type { PlannedFault } from '../plan.ts'
import type { Topology } from '../topologies/topology.ts'

/** What a fault needs for itself while it lasts; faults that need the same come one after the other. */
export type Claimed = 'redis' | 'network' | 'postgres' | 'worker'

/** What can be broken. */
export interface Site {
  readonly crew: Crew
  readonly topology: Topology
  readonly postgres: TestServer
  readonly postgresProxy: FaultProxy
}

/** What a server that writes to its disk once a second may have lost when it was killed. */
export interface RolledBack {
  /** Positions before this moment, in ms, are not excused: they were on the disk. */
  readonly fromMs: number
  readonly toMs: number
  /** Positions from `fromMs` on that are there after the restart, by stream. */
  readonly survivors: Readonly<Record<string, readonly string[]>>
}

/** While no replica said anything, none can have said that it has what was written. */
export interface Mute {
  readonly fromMs: number
  readonly toMs: number
}

/** What is known of a fault when it is over, for the checker. */
export interface FaultNote {
  /** The process that it hit. */
  victim?: string
  destroyed?: Destroyed
  rolledBack?: RolledBack
  mute?: Mute
  detail?: string
}

/** One kind of fault. */
export interface Fault {
  readonly claims: Claimed
  /** How long what it breaks stays broken, in ms, from and to. */
  readonly lastsMs: readonly [from: number, to: number]
  /**
   * Breaks something and mends it; resolves when it is mended.
   *
   * @param victim of a fault that claims a worker: its place, which is claimed for it
   */
  run(planned: PlannedFault, site: Site, victim: number): Promise<FaultNote>
}
