import { abandonedCases, strangerCases } from './conformance/abandoned.ts'
import type { Runner, StreamLogAdapter } from './conformance/adapter.ts'
import { appendCases } from './conformance/append.ts'
import { deadLetterCases } from './conformance/dead-letter.ts'
import { groupDeletedCases } from './conformance/group-deleted.ts'
import { exclusiveCases } from './conformance/exclusive.ts'
import { groupCases } from './conformance/groups.ts'
import { expiringKeyCases, idempotencyCases } from './conformance/idempotency.ts'
import { inletCases } from './conformance/inlet.ts'
import { leavingCases } from './conformance/leaving.ts'
import { pauseCases } from './conformance/pause.ts'
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
 * Millrace depends on none; vitest fits as it is.
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
  const parts: [name: string, cases: Cases, supported?: boolean | undefined][] = [
    ['append', appendCases],
    ['read', readCases],
    ['groups', groupCases],
    ['retry and release', retryCases],
    ['waiting and expediting', waitingCases],
    ['abandoned entries', abandonedCases],
    ['consumers of other software', strangerCases, features.readAsStranger],
    ['dead letters', deadLetterCases],
    ['producing', produceCases],
    ['reserving identities', reserveCases],
    ['an exclusive group', exclusiveCases],
    ['a limited rate', rateLimitCases],
    ['a paused group', pauseCases, features.pause],
    ['copies for one group', inletCases, features.inlet],
    ['leaving', leavingCases],
    ['idempotency keys', idempotencyCases],
    ['idempotency keys that expire', expiringKeyCases, features.idempotencyTtlMs !== undefined],
    ['a deleted group', groupDeletedCases, features.deleteGroup],
    ['a deleted stream', streamDeletedCases, features.deleteStream],
    ['a trimmed stream', trimmedCases, features.trim],
    ['under load', throughputCases],
  ]
  runner.describe(`StreamLog: ${adapter.name}`, () => {
    for (const [name, cases, supported = true] of parts) {
      if (supported) runner.describe(name, () => declare(cases, adapter, runner))
    }
  })
}

function declare(cases: Cases, adapter: StreamLogAdapter, { test, expect }: Runner): void {
  for (const [name, run] of Object.entries(cases)) {
    const play = async () => {
      const scene = new Scene(await adapter.open(), adapter.features, expect)
      try {
        await run(scene)
      } catch (error) {
        // What comes of tidying up after a failure would only hide it.
        await scene.close().catch(() => {})
        throw error
      }
      await scene.close()
    }
    test(name, play, CASE_LIMIT_MS)
  }
}
