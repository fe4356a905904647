export { startTestPostgres, startTestRedis, type TestServer } from '../engines/test-servers.ts'
export { streamLogConformance } from './conformance.ts'
export type { Features, OpenLog, Runner, StreamLogAdapter } from './conformance/adapter.ts'
export { MemoryStreamLog, type MemoryStreamLogOptions } from './memory-log.ts'
