import type { StreamLogAdapter } from '../../../src/testing/conformance/adapter.ts'
import { MemoryStreamLog } from '../../../src/testing/memory-log.ts'

/** The log in memory: nothing outlives it, and it has no connections. */
export const memoryAdapter = (): StreamLogAdapter => ({
  name: 'memory',
  async open(options) {
    const log = new MemoryStreamLog(options)
    return {
      log,
      close: async () => {},
      deleteStream: (stream) => log.deleteStream(stream),
      deleteGroup: (stream, group) => log.deleteGroup(stream, group),
      trim: (stream, minPosition) => log.trim(stream, minPosition),
      readAsStranger: (...args) => log.readAsStranger(...args),
      pauseGroup: (stream, group) => log.pauseGroup(stream, group),
      resumeGroup: (stream, group) => log.resumeGroup(stream, group),
      copyToGroup: (...args) => log.copyToGroup(...args),
    }
  },
  features: {
    deleteStream: true,
    deleteGroup: true,
    trim: true,
    readAsStranger: true,
    pause: true,
    inlet: true,
    idempotencyTtl: true,
  },
})
