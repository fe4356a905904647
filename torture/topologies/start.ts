import type { TopologyName } from './names.ts'
import { startCluster } from './cluster.ts'
import { startSentinel } from './sentinel.ts'
import { startSingle } from './single.ts'
import type { Topology, TopologyOptions } from './topology.ts'

const STARTS: Readonly<Record<TopologyName, (options: TopologyOptions) => Promise<Topology>>> = {
  single: startSingle,
  sentinel: startSentinel,
  cluster: startCluster,
}

export const startTopology = (name: TopologyName, options: TopologyOptions): Promise<Topology> =>
  STARTS[name](options)
