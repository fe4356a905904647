import { describe, expect, test } from 'vitest'
import { streamLogConformance } from '../../src/testing/conformance.ts'
import type { StreamLogAdapter } from '../../src/testing/conformance/adapter.ts'
import { workerConformance } from './worker/suite.ts'

/** Everything that a log must do, and that bus and workers do on it. */
export function conformance(adapter: StreamLogAdapter): void {
  streamLogConformance(adapter, { describe, test, concurrent: test.concurrent, expect })
  workerConformance(adapter)
}
