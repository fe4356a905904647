import type { TopologyName } from '../topologies/names.ts'
import { destructionFaults, streamFaults } from './destruction-faults.ts'
import type { Fault } from './fault.ts'
import { failoverFaults, slotFaults } from './failover-faults.ts'
import { networkFaults } from './network-faults.ts'
import { postgresFaults } from './postgres-faults.ts'
import { memoryFaults } from './redis-memory-faults.ts'
import { serverFaults } from './redis-server-faults.ts'
import { workerFaults } from './worker-faults.ts'

const everywhere = { ...workerFaults, ...networkFaults, ...postgresFaults, ...memoryFaults }

/** What can be done to a run, by what Redis is in it. */
export const FAULTS: Readonly<Record<TopologyName, Readonly<Record<string, Fault>>>> = {
  single: { ...everywhere, ...destructionFaults, ...serverFaults },
  sentinel: { ...everywhere, ...destructionFaults, ...failoverFaults },
  cluster: { ...everywhere, ...streamFaults, ...failoverFaults, ...slotFaults },
}
