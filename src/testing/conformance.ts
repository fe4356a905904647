import { abandonedCases, strangerCases } from './conformance/abandoned.ts'
import type { OpenOptions, Runner, StreamLogAdapter } from './conformance/adapter.ts'
import { appendCases } from './conformance/append.ts'
import { compare } from './conformance/compare.ts'
import { deadLetterCases } from './conformance/dead-letter.ts'
import { groupDeletedCases } from './conformance/group-deleted.ts'
import { exclusiveCases } from './conformance/exclusive.ts'
import { groupCases } from './conformance/groups.ts'
import { EXPIRING, expiringKeyCases, idempotencyCases } from './conformance/idempotency.ts'
import { inletCases } from './conformance/inlet.ts'
import { leavingCases } from './conformance/leaving.ts'
import { manyCases } from './conformance/many.ts'
import { disconnectCases, restartCases } from './conformance/outage.ts'
import { pauseCases } from './conformance/pause.ts'
import { peerCases } from './conformance/peers.ts'
import { produceCases } from './conformance/produce.ts'
import { rateLimitCases } from './conformance/rate-limit.ts'
import { readCases } from './conformance/read.ts'
import { reserveCases } from './conformance/reserve.ts'
import { retryCases } from './conformance/retry.ts'
import { CASE_LIMIT_MS, Scene, type Cases } from './conformance/scene.ts'
import { streamDeletedCases } from './conformance/stream-deleted.ts'
import { throughputCases } from './conformance/throughput.ts'
import { trimmedCases } from './conformance/trimmed.ts'
import { waitingCases } from './conformance/waiting.ts'

/**
 * Declares the tests that every {@link StreamLog} passes. What an adapter has beyond the interface it declares as
 * features, and the cases that need one are left out where it is missing. The test runner is passed in, so that
 * Millrace depends on none; those of vitest and jest fit as they are, see docs/conformance.md for node:test.
 *
 * @example
 * import { describe, expect, test } from 'vitest'
 * streamLogConformance(
 *   { name: 'memory', open: async () => ({ log: new MemoryStreamLog(), close: async () => {} }), features: {} },
 *   { describe, test, expect },
 * )
 */
export function streamLogConformance(adapter: StreamLogAdapter, runner: Runner): void {
  const { features } = adapter
  const parts: Part[] = [
    { name: 'append', cases: appendCases },
    { name: 'read', cases: readCases },
    { name: 'groups', cases: groupCases },
    { name: 'retry and release', cases: retryCases },
    { name: 'waiting and expediting', cases: waitingCases },
    { name: 'abandoned entries', cases: abandonedCases },
    { name: 'consumers of other software', cases: strangerCases, needs: features.readAsStranger },
    { name: 'dead letters', cases: deadLetterCases },
    { name: 'producing', cases: produceCases },
    { name: 'reserving identities', cases: reserveCases },
    { name: 'an exclusive group', cases: exclusiveCases },
    { name: 'a limited rate', cases: rateLimitCases },
    { name: 'a paused group', cases: pauseCases, needs: features.pause },
    { name: 'copies for one group', cases: inletCases, needs: features.inlet },
    { name: 'leaving', cases: leavingCases },
    { name: 'idempotency keys', cases: idempotencyCases },
    { name: 'keys that expire', cases: expiringKeyCases, needs: features.idempotencyTtl, open: EXPIRING },
    { name: 'a deleted group', cases: groupDeletedCases, needs: features.deleteGroup },
    { name: 'a deleted stream', cases: streamDeletedCases, needs: features.deleteStream },
    { name: 'a trimmed stream', cases: trimmedCases, needs: features.trim },
    { name: 'many streams, groups and consumers', cases: manyCases, alone: true },
    { name: 'under load', cases: throughputCases, alone: true },
    { name: 'several logs on the same data', cases: peerCases, needs: features.peers },
    { name: 'connections that are cut', cases: disconnectCases, needs: features.disconnect, alone: true },
    { name: 'servers that are restarted', cases: restartCases, needs: features.restart, alone: true },
  ]
  runner.describe(`StreamLog: ${adapter.name}`, () => {
    for (const part of parts) {
      const supported = !('needs' in part) || part.needs
      if (supported) runner.describe(part.name, () => declare(part, adapter, runner))
    }
  })
}

interface Part {
  name: string
  cases: Cases
  /** Left out where the adapter declares that it has not got it. */
  needs?: boolean | undefined
  /** Its cases would disturb others that run beside them. */
  alone?: boolean
  open?: OpenOptions
}

function declare({ cases, alone, open = {} }: Part, adapter: StreamLogAdapter, runner: Runner): void {
  const { test, concurrent = test, expect = compare } = runner
  for (const [name, run] of Object.entries(cases)) {
    const play = async () => {
      const scene = new Scene(await adapter.open(open), expect)
      try {
        await run(scene)
      } catch (error) {
        // What comes of tidying up after a failure would only hide it.
        await scene.close().catch(() => {})
        throw error
      }
      await scene.close()
    }
    const declareTest = alone ? test : concurrent
    declareTest(name, play, CASE_LIMIT_MS)
  }
}
