import { describe, test } from 'vitest'
import type { StreamLogAdapter } from '../../../src/testing/conformance/adapter.ts'
import { batchCases } from './batches.ts'
import { deliveryCases } from './delivery.ts'
import { failureCases } from './failures.ts'
import { disconnectCases, restartCases } from './outage.ts'
import { peerCases, sharingCases } from './sharing.ts'
import { Stage, type StageCases } from './stage.ts'
import { stoppingCases } from './stopping.ts'

/** What a user of bus and workers sees, on any log. */
export function workerConformance(adapter: StreamLogAdapter): void {
  const { peers = false, disconnect = false, restart = false } = adapter.features
  describe(`Bus and workers: ${adapter.name}`, () => {
    describe('deliver', () => void declare(deliveryCases, adapter))
    describe('deliver in batches', () => void declare(batchCases, adapter))
    describe('go on after failures', () => void declare(failureCases, adapter))
    describe('share', () => void declare(sharingCases, adapter))
    describe.runIf(peers)('share between processes', () => void declare(peerCases, adapter))
    describe('stop', () => void declare(stoppingCases, adapter))
    describe.runIf(disconnect)('live through cut connections', () => void declare(disconnectCases, adapter))
    describe.runIf(restart)('live through restarts', () => void declare(restartCases, adapter))
  })
}

function declare(cases: StageCases, adapter: StreamLogAdapter): void {
  // oxlint-disable-next-line vitest/expect-expect -- the cases have them
  test.concurrent.each(Object.entries(cases))('%s', async (_name, play) => {
    const stage = new Stage(await adapter.open({}))
    try {
      await play(stage)
    } finally {
      await stage.close()
    }
  })
}
