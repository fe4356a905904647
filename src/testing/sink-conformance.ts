import { compare } from './conformance/compare.ts'
import { MemoryStreamLog } from './memory-log.ts'
import { killCases, slowCases, stopCases } from './sink-conformance/ending.ts'
import {
  absenceCases,
  cutCases,
  cutOrderCases,
  oversizeCases,
  refusalCases,
  throttleCases,
} from './sink-conformance/faults.ts'
import type { SinkAdapter, SinkFeature, SinkRunner } from './sink-conformance/lab.ts'
import { SinkScene, type SinkCases } from './sink-conformance/scene.ts'
import { deliveryCases, lifeCases, orderCases, repeatCases, zeroCases } from './sink-conformance/writing.ts'

const CASE_LIMIT_MS = 90_000
const PATIENCE_MS = 40_000

interface Part {
  name: string
  cases: SinkCases
  needs?: readonly SinkFeature[]
}

const PARTS: readonly Part[] = [
  { name: 'it is given', cases: deliveryCases },
  { name: 'the character of code 0', cases: zeroCases, needs: ['zeroCharacter'] },
  { name: 'its life', cases: lifeCases },
  { name: 'order', cases: orderCases, needs: ['order'] },
  { name: 'repeats', cases: repeatCases, needs: ['exactlyOnce'] },
  { name: 'partial failure', cases: refusalCases, needs: ['refuse'] },
  { name: 'oversize', cases: oversizeCases, needs: ['oversize'] },
  { name: 'a sink that throttles', cases: throttleCases, needs: ['throttle'] },
  { name: 'a connection that is lost in mid-write', cases: cutCases, needs: ['cut'] },
  { name: 'order after a lost connection', cases: cutOrderCases, needs: ['cut', 'order'] },
  { name: 'a sink that is not there', cases: absenceCases, needs: ['leave'] },
  { name: 'a slow sink', cases: slowCases, needs: ['hang'] },
  { name: 'a stop', cases: stopCases },
  { name: 'a kill -9', cases: killCases, needs: ['startProcess'] },
]

/**
 * Declares the tests that every {@link Sink} passes, in whole pipelines: nothing is lost, nothing is acknowledged before
 * it is there, and whatever goes wrong is blamed on nobody who is not to blame. What a sink can't have it declares with
 * the reason. The test runner is passed in, as for {@link streamLogConformance}.
 *
 * @example
 * import { describe, expect, test } from 'vitest'
 * sinkConformance(
 *   { name: 'console', open: async () => new ConsoleLab(), without: { startProcess: 'it keeps nothing' } },
 *   { describe, test, expect },
 * )
 */
export function sinkConformance(adapter: SinkAdapter, runner: SinkRunner): void {
  const { without = {} } = adapter
  runner.describe(`Sink: ${adapter.name}`, () => {
    for (const { name, cases, needs = [] } of PARTS) {
      const reason = needs.map((feature) => without[feature]).find((given) => given !== undefined)
      if (reason === undefined) runner.describe(name, () => declare(cases, adapter, runner))
      else runner.test(`${name}: left out, since ${reason}`, async () => {}, CASE_LIMIT_MS)
    }
  })
}

function declare(cases: SinkCases, adapter: SinkAdapter, runner: SinkRunner): void {
  const { test, concurrent = test, expect = compare } = runner
  for (const [name, play] of Object.entries(cases)) {
    const run = async () => {
      const streams = await (adapter.openStreams ?? memoryStreams)()
      const isExactlyOnce = adapter.without?.exactlyOnce === undefined
      const { patienceMs = PATIENCE_MS } = adapter
      const scene = new SinkScene(await adapter.open(), streams.log, { expect, isExactlyOnce, patienceMs })
      try {
        await play(scene)
      } finally {
        await scene.close()
        await streams.close()
      }
    }
    concurrent(name, run, CASE_LIMIT_MS)
  }
}

const memoryStreams = async () => ({ log: new MemoryStreamLog(), close: async () => {} })
