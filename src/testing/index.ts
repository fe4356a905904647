export {
  findTestValkey,
  startTestCluster,
  startTestPostgres,
  startTestRedis,
  startTestReplicas,
  startTestSentinel,
  type SlotMigration,
  type TestCluster,
  type TestClusterOptions,
  type TestRedisOptions,
  type TestReplicas,
  type TestReplicasOptions,
  type TestSentinel,
  type TestSentinelOptions,
  type TestServer,
} from '../engines/test-servers.ts'
export { streamLogConformance } from './conformance.ts'
export type { Features, OpenLog, OpenOptions, Runner, StreamLogAdapter } from './conformance/adapter.ts'
export { MemoryCursors } from './memory-cursors.ts'
export { MemoryStreamLog, type MemoryStreamLogOptions } from './memory-log.ts'
export { startFaultProxy, type FaultProxy } from './fault-proxy.ts'
export { sinkConformance } from './sink-conformance.ts'
export type {
  SinkAdapter,
  SinkFaults,
  SinkFeature,
  SinkLab,
  SinkProcessTarget,
  SinkRunner,
} from './sink-conformance/lab.ts'
