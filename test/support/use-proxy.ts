import type { TestServer } from '../../src/engines/test-servers.ts'
import { startFaultProxy, type FaultProxy } from '../../src/testing/fault-proxy.ts'
import { useEach } from './use.ts'

/** A proxy in front of a server, anew for each test. */
export const useProxy = (server: TestServer): FaultProxy =>
  useEach(
    () => startFaultProxy({ port: server.port }),
    (proxy) => proxy.stop(),
  )
